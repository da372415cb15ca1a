//! What is shown to a person: lines of cells, aligned where they form a table, coloured where colours are wanted.
//!
//! Every text gets in through [`Cell`], which makes it [plain].

use github_pat_operator::cli::plain::plain;

/// What a colour means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Colour {
    /// All is as it should be.
    Good,
    /// There is something to know, or nobody can tell yet.
    Warn,
    /// A person has to act.
    Bad,
    /// Of less weight than the rest.
    Faint,
    /// A heading.
    Strong,
}

impl Colour {
    /// The parameter of the escape sequence.
    const fn code(self) -> &'static str {
        match self {
            Colour::Good => "32",
            Colour::Warn => "33",
            Colour::Bad => "31",
            Colour::Faint => "2",
            Colour::Strong => "1",
        }
    }
}

/// A text, and what its colour means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cell {
    text: String,
    colour: Option<Colour>,
}

impl Cell {
    /// A text without a colour, whoever wrote it.
    pub(crate) fn new(text: impl AsRef<str>) -> Self {
        Cell { text: plain(text.as_ref()), colour: None }
    }

    /// The same in this colour.
    pub(crate) const fn colour(mut self, colour: Colour) -> Self {
        self.colour = Some(colour);
        self
    }

    /// The text, which is plain.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// What its colour means.
    pub(crate) const fn meaning(&self) -> Option<Colour> {
        self.colour
    }

    fn width(&self) -> usize {
        self.text.chars().count()
    }

    fn render(&self, colours: bool) -> String {
        match self.colour {
            Some(colour) if colours && !self.text.is_empty() => {
                format!("\u{1b}[{}m{}\u{1b}[0m", colour.code(), self.text)
            }
            _ => self.text.clone(),
        }
    }
}

impl<T: AsRef<str>> From<T> for Cell {
    fn from(text: T) -> Self {
        Cell::new(text)
    }
}

/// Lines of cells.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sheet {
    /// Each with its indent and the widths of its columns.
    lines: Vec<(usize, Vec<usize>, Vec<Cell>)>,
}

impl Sheet {
    /// A line of cells, parted by one space.
    pub(crate) fn line(&mut self, cells: impl IntoIterator<Item = Cell>) {
        self.lines.push((0, Vec::new(), cells.into_iter().collect()));
    }

    /// An empty line.
    pub(crate) fn gap(&mut self) {
        self.line([]);
    }

    /// A heading after an empty line.
    pub(crate) fn heading(&mut self, text: &str) {
        self.gap();
        self.line([Cell::new(text).colour(Colour::Strong)]);
    }

    /// Rows whose columns are aligned, each so many spaces from the left.
    pub(crate) fn table(&mut self, indent: usize, rows: impl IntoIterator<Item = Vec<Cell>>) {
        let rows: Vec<_> = rows.into_iter().collect();
        let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
        let width =
            |column| rows.iter().filter_map(|row| row.get(column)).map(Cell::width).max().unwrap_or_default();
        let widths: Vec<_> = (0..columns).map(width).collect();
        self.lines.extend(rows.into_iter().map(|row| (indent, widths.clone(), row)));
    }

    /// The lines, each with whether it is a row of a table.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (bool, &[Cell])> {
        self.lines.iter().map(|(_, widths, cells)| (!widths.is_empty(), cells.as_slice()))
    }

    /// The text of all lines.
    pub(crate) fn render(&self, colours: bool) -> String {
        let mut text = String::new();
        for (indent, widths, cells) in &self.lines {
            let mut line = " ".repeat(*indent);
            let last =
                cells.iter().rposition(|cell| !cell.text.is_empty()).map_or(0, |last| last.saturating_add(1));
            for (place, cell) in cells.iter().take(last).enumerate() {
                if place > 0 {
                    line += if widths.is_empty() { " " } else { "  " };
                }
                line += &cell.render(colours);
                if place.saturating_add(1) < last {
                    let width = widths.get(place).copied().unwrap_or_default();
                    line += &" ".repeat(width.saturating_sub(cell.width()));
                }
            }
            text += &line;
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_aligned_by_what_is_seen_and_has_no_spaces_at_the_end() {
        let mut sheet = Sheet::default();
        sheet.line(["ci-bot:".into(), Cell::new("usable").colour(Colour::Good)]);
        sheet.table(
            2,
            [
                vec!["a".into(), Cell::new("True").colour(Colour::Good), "x".into()],
                vec!["long\u{1b}".into(), Cell::new("F").colour(Colour::Bad), "".into()],
            ],
        );
        assert_eq!(sheet.render(false), "ci-bot: usable\n  a           True  x\n  long\\u{1b}  F\n");
        let coloured = sheet.render(true);
        assert!(coloured.contains("  a           \u{1b}[32mTrue\u{1b}[0m  x\n"), "{coloured:?}");
        assert!(coloured.contains("  long\\u{1b}  \u{1b}[31mF\u{1b}[0m\n"), "{coloured:?}");
    }
}
