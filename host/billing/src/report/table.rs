//! Rows with named columns, as CSV, JSON or text.

use jiff::Timestamp;
use openclaw_tenancy::PicoUsd;
use serde_json::{Map, Value};

/// One value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cell {
    Text(String),
    Count(u64),
    Usd(PicoUsd),
    /// The difference of two amounts, negative where it became less.
    Delta {
        from: PicoUsd,
        to: PicoUsd,
    },
    Time(Timestamp),
    Missing,
}

/// The answer to a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    columns: &'static [&'static str],
    rows: Vec<Vec<Cell>>,
}

impl Cell {
    fn text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Count(count) => count.to_string(),
            Self::Usd(amount) => format!("{amount:.12}"),
            Self::Delta { from, to } if to < from => format!("-{:.12}", from.saturating_sub(*to)),
            Self::Delta { from, to } => format!("{:.12}", to.saturating_sub(*from)),
            Self::Time(at) => at.to_string(),
            Self::Missing => String::new(),
        }
    }

    /// A spreadsheet runs what begins like a formula; numbers of ours it may.
    fn csv(&self) -> String {
        match self {
            Self::Text(text) if text.starts_with(['=', '+', '-', '@']) => format!("'{text}"),
            _ => self.text(),
        }
    }

    /// Money as a text: a JSON number would become a float somewhere.
    fn json(&self) -> Value {
        match self {
            Self::Count(count) => (*count).into(),
            Self::Missing => Value::Null,
            _ => self.text().into(),
        }
    }

    fn is_number(&self) -> bool {
        matches!(self, Self::Count(_) | Self::Usd(_) | Self::Delta { .. })
    }
}

impl Table {
    pub(super) fn new(columns: &'static [&'static str]) -> Self {
        Self { columns, rows: Vec::new() }
    }

    pub(super) fn push(&mut self, row: Vec<Cell>) {
        debug_assert_eq!(row.len(), self.columns.len());
        self.rows.push(row);
    }

    pub fn columns(&self) -> &'static [&'static str] {
        self.columns
    }

    pub fn rows(&self) -> &[Vec<Cell>] {
        &self.rows
    }

    /// RFC 4180, with a header always.
    pub fn to_csv(&self) -> Vec<u8> {
        let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
        let records = std::iter::once(self.columns.iter().map(|&name| name.to_owned()).collect::<Vec<_>>())
            .chain(self.rows.iter().map(|row| row.iter().map(Cell::csv).collect()));
        for record in records {
            // Memory takes every write.
            let _ = writer.write_record(record);
        }
        writer.into_inner().unwrap_or_default()
    }

    /// An array of objects.
    pub fn to_json(&self) -> Value {
        let object = |row: &Vec<Cell>| {
            let members = self.columns.iter().zip(row).map(|(name, cell)| ((*name).to_owned(), cell.json()));
            Value::Object(members.collect::<Map<_, _>>())
        };
        self.rows.iter().map(object).collect()
    }

    /// Aligned columns for people; control characters are shown, not sent to the terminal.
    pub fn to_text(&self) -> String {
        let shown = |cell: &Cell| cell.text().chars().flat_map(printable).collect::<String>();
        let rows: Vec<Vec<String>> = self.rows.iter().map(|row| row.iter().map(shown).collect()).collect();
        let width = |column: usize| {
            let cells = rows.iter().map(|row| row[column].chars().count());
            cells.chain([self.columns[column].len()]).max().unwrap_or_default()
        };
        let widths: Vec<usize> = (0..self.columns.len()).map(width).collect();
        let mut text = String::new();
        let header: Vec<String> = self.columns.iter().map(|&name| name.to_owned()).collect();
        let right = |row: Option<&Vec<Cell>>, column: usize| row.is_some_and(|row| row[column].is_number());
        for (cells, row) in std::iter::once((&header, None)).chain(rows.iter().zip(self.rows.iter().map(Some))) {
            let padded = cells.iter().enumerate().map(|(column, cell)| {
                let width = widths[column];
                if right(row, column) { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
            });
            text.push_str(padded.collect::<Vec<_>>().join("  ").trim_end());
            text.push('\n');
        }
        text
    }
}

fn printable(letter: char) -> impl Iterator<Item = char> {
    let escaped = letter.is_control().then(|| letter.escape_default());
    let plain = (!letter.is_control()).then_some(letter);
    escaped.into_iter().flatten().chain(plain)
}
