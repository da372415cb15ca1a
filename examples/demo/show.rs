//! Shows the table that the API server makes for `kubectl get ghpat -A -o wide`, redrawn in place on a terminal.

use std::{
    error::Error,
    io::{IsTerminal, Write},
    iter,
};

use kube::Client;
use serde::Deserialize;

use super::Failed;

/// The columns, and a line for each connection.
const TABLE: &str = "application/json;as=Table;v=v1;g=meta.k8s.io";

/// What is on the terminal.
pub(crate) struct Screen {
    client: Client,
    terminal: bool,
    /// The lines of the table that may be drawn over.
    drawn: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Table {
    column_definitions: Vec<Column>,
    #[serde(default)]
    rows: Vec<Row>,
}

#[derive(Deserialize)]
struct Column {
    name: String,
}

#[derive(Deserialize)]
struct Row {
    cells: Vec<serde_json::Value>,
    object: kube::core::PartialObjectMeta<github_pat_operator::api::GithubPatConnection>,
}

impl Screen {
    pub(crate) fn new(client: Client) -> Self {
        Screen { client, terminal: std::io::stdout().is_terminal(), drawn: Vec::new() }
    }

    /// Prints lines that stay.
    pub(crate) fn say(&mut self, text: &str) -> Result<(), Failed> {
        self.settle();
        line(&format!("\n{text}"))
    }

    /// Draws the table as it is now, over the last one on a terminal.
    pub(crate) async fn draw(&mut self) -> Result<(), Failed> {
        let lines = self.table().await?;
        if !self.terminal || lines == self.drawn {
            self.drawn = lines;
            return Ok(());
        }
        if !self.drawn.is_empty() {
            print(&format!("\x1b[{}A\x1b[J", self.drawn.len()))?;
        }
        // A row that wrapped would take two lines, and the next table would be drawn over the wrong ones.
        print("\x1b[?7l")?;
        lines.iter().try_for_each(|text| line(text))?;
        print("\x1b[?7h")?;
        self.drawn = lines;
        Ok(())
    }

    /// Lets the table stand; the next one is drawn below. Where nothing is drawn over, it is printed only now.
    pub(crate) fn settle(&mut self) {
        if !self.terminal {
            for text in &self.drawn {
                // Whoever no longer reads misses nothing.
                let _ = line(text);
            }
        }
        self.drawn.clear();
    }

    async fn table(&self) -> Result<Vec<String>, Failed> {
        let request = http::Request::get("/apis/githubpat.dev/v1alpha1/githubpatconnections")
            .header(http::header::ACCEPT, TABLE)
            .body(Vec::new())?;
        let table: Table = self.client.request(request).await?;
        let head = std::iter::once("NAMESPACE".to_owned())
            .chain(table.column_definitions.iter().map(|column| column.name.to_uppercase()));
        let mut rows = vec![head.collect::<Vec<_>>()];
        for row in table.rows {
            let namespace = row.object.metadata.namespace.unwrap_or_default();
            rows.push(std::iter::once(namespace).chain(row.cells.iter().map(cell)).collect());
        }
        Ok(aligned(&rows))
    }
}

/// What went wrong, without the words of libraries as far as it is known.
pub(crate) fn plain<'a>(error: &'a (dyn Error + 'static)) -> String {
    let mut causes = iter::successors(Some(error), |error| {
        let error: &'a (dyn Error + 'static) = *error;
        error.source()
    });
    match causes.find_map(|error| error.downcast_ref::<kube::Error>()) {
        Some(kube::Error::Api(status)) if status.code == 404 => {
            "the API server does not know them (404), as after their CustomResourceDefinition was deleted"
                .to_owned()
        }
        Some(kube::Error::Api(status)) => status.message.clone(),
        Some(kube::Error::Service(_) | kube::Error::HyperError(_) | kube::Error::ReadEvents(_)) => {
            "the API server does not answer".to_owned()
        }
        _ => error.to_string(),
    }
}

fn cell(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::Null => String::new(),
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn aligned(rows: &[Vec<String>]) -> Vec<String> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let widths: Vec<usize> = (0..columns)
        .map(|column| {
            rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
        })
        .collect();
    let padded = |row: &Vec<String>| {
        let cells: Vec<_> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        format!("    {}", cells.join("  ").trim_end())
    };
    rows.iter().map(padded).collect()
}

/// One line on standard output.
pub(crate) fn line(text: &str) -> Result<(), Failed> {
    print(&format!("{text}\n"))
}

fn print(text: &str) -> Result<(), Failed> {
    let mut out = std::io::stdout();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}
