//! What the plugin shows in a terminal, as parts of a page.

use super::{health::Health, text::address};
use crate::sheet::{Cell, Colour, Sheet};

/// Lines that belong together, with their heading.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Section {
    pub(super) heading: String,
    pub(super) rows: Vec<Vec<Part>>,
    pub(super) lines: Vec<Vec<Part>>,
}

/// A text, how it is meant, and where it leads.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) text: String,
    /// The class that gives it its colour.
    pub(super) class: &'static str,
    pub(super) is_address: bool,
}

impl From<&Cell> for Part {
    fn from(cell: &Cell) -> Self {
        let class = match cell.meaning() {
            None | Some(Colour::Strong) => "",
            Some(Colour::Faint) => "faint",
            Some(colour) => Health::from(colour).word(),
        };
        Part { text: cell.text().to_owned(), class, is_address: address(cell.text()).is_some() }
    }
}

/// The sections of a sheet. A line that begins strong begins a section.
pub(super) fn sections(sheet: &Sheet) -> Vec<Section> {
    let mut sections: Vec<Section> = Vec::new();
    for (is_row, cells) in sheet.lines() {
        let parts = || cells.iter().map(Part::from).collect::<Vec<_>>();
        match (cells.first(), sections.last_mut()) {
            (Some(first), _) if !is_row && first.meaning() == Some(Colour::Strong) => {
                let heading = first.text().trim_end_matches(':').to_owned();
                let rest: Vec<_> = parts().into_iter().skip(1).collect();
                let lines = if rest.is_empty() { Vec::new() } else { vec![rest] };
                sections.push(Section { heading, rows: Vec::new(), lines });
            }
            (Some(_), Some(section)) if is_row => section.rows.push(parts()),
            (Some(_), Some(section)) => section.lines.push(parts()),
            _ => {}
        }
    }
    sections
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sheet_falls_into_sections_whose_texts_keep_their_meaning() {
        let mut sheet = Sheet::default();
        sheet.heading("Outputs");
        sheet.table(2, [vec![Cell::new("a"), Cell::new("missing").colour(Colour::Warn)]]);
        sheet.line([Cell::new("  they are deleted").colour(Colour::Bad)]);
        sheet.gap();
        sheet.line([Cell::new("Next question:").colour(Colour::Strong), Cell::new("https://github.com/x")]);
        let part = |text: &str, class, is_address| Part { text: text.to_owned(), class, is_address };
        assert_eq!(
            sections(&sheet),
            [
                Section {
                    heading: "Outputs".to_owned(),
                    rows: vec![vec![part("a", "", false), part("missing", "warned", false)]],
                    lines: vec![vec![part("  they are deleted", "broken", false)]],
                },
                Section {
                    heading: "Next question".to_owned(),
                    rows: vec![],
                    lines: vec![vec![part("https://github.com/x", "", true)]],
                },
            ]
        );
    }
}
