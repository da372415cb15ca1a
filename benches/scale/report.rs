//! What was measured, as tables for people or as lines for machines.

use std::io::Write;

use serde_json::json;

use crate::{Failed, goals::Goal};

/// Prints each section when it is complete.
pub(crate) struct Report {
    json: bool,
    connections: u32,
    missed: usize,
}

/// The figures of one section.
pub(crate) struct Figures {
    section: &'static str,
    about: String,
    rows: Vec<Row>,
}

struct Row {
    what: String,
    value: f64,
    unit: &'static str,
    goal: Option<Goal>,
}

impl Report {
    pub(crate) fn new(json: bool, connections: u32) -> Self {
        Self { json, connections, missed: 0 }
    }

    /// Prints the section.
    pub(crate) fn print(&mut self, figures: &Figures) -> Result<(), Failed> {
        let missed = figures.rows.iter().filter(|row| row.is_missed()).count();
        self.missed = self.missed.saturating_add(missed);
        let text = if self.json { figures.lines(self.connections) } else { figures.table() };
        let mut out = std::io::stdout();
        out.write_all(text.as_bytes())?;
        Ok(out.flush()?)
    }

    /// How many goals the printed figures missed.
    pub(crate) fn missed(&self) -> usize {
        self.missed
    }
}

impl Row {
    fn is_missed(&self) -> bool {
        self.goal.is_some_and(|goal| !goal.is_met(self.value))
    }
}

impl Figures {
    pub(crate) fn new(section: &'static str, about: impl Into<String>) -> Self {
        Self { section, about: about.into(), rows: Vec::new() }
    }

    pub(crate) fn add(&mut self, what: impl Into<String>, value: f64, unit: &'static str) {
        self.rows.push(Row { what: what.into(), value, unit, goal: None });
    }

    pub(crate) fn add_with_goal(
        &mut self,
        what: impl Into<String>,
        value: f64,
        unit: &'static str,
        goal: Goal,
    ) {
        self.rows.push(Row { what: what.into(), value, unit, goal: Some(goal) });
    }

    fn table(&self) -> String {
        let widest = self.rows.iter().map(|row| row.what.chars().count()).max().unwrap_or_default();
        let mut text = format!("\n{}: {}\n", self.section, self.about);
        for row in &self.rows {
            let Row { what, value, unit, goal } = row;
            let goal = goal.map_or_else(String::new, |goal| {
                format!("goal {goal:<9} {}", if row.is_missed() { "MISSED" } else { "met" })
            });
            let line = format!("  {what:<widest$}  {:>10} {unit:<14}  {goal}", shown(*value));
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }

    fn lines(&self, connections: u32) -> String {
        let line = |row: &Row| {
            let goal = row.goal.map(|goal| goal.to_string());
            let met = row.goal.map(|_| !row.is_missed());
            let line = json!({
                "section": self.section, "connections": connections, "what": row.what,
                "value": row.value, "unit": row.unit, "goal": goal, "met": met,
            });
            format!("{line}\n")
        };
        self.rows.iter().map(line).collect()
    }
}

/// Three digits that count.
fn shown(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        size if size < 1.0 => format!("{value:.3}"),
        size if size < 10.0 => format!("{value:.2}"),
        size if size < 100.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

/// One line about what happens, on standard error.
pub(crate) fn progress(text: &str) {
    // Without a standard error there is nobody who waits.
    let _ = writeln!(std::io::stderr(), "{text}");
}
