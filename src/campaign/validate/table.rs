//! A table of measured recoveries: a CSV file with a header, one recovery a row.

use std::collections::BTreeMap;
use std::fmt;

/// One row: by column, as text; empty cells are left out.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// In the file, from 1; the header is line 1.
    pub line: u64,
    pub cells: BTreeMap<String, String>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    pub columns: Vec<String>,
    pub rows: Vec<Row>,
}

/// What is wrong with a table, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableError {
    pub file: String,
    pub line: u64,
    /// Which field of the line, from 1, where one is to blame.
    pub field: Option<usize>,
    pub message: String,
}

impl fmt::Display for TableError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:", self.file, self.line)?;
        if let Some(field) = self.field {
            write!(f, "{field}:")?;
        }
        write!(f, " {}", self.message)
    }
}

impl Table {
    /// # Errors
    /// No header, no row, a row with more or fewer fields than the header, a column twice, bytes that are not UTF-8.
    pub fn read(bytes: &[u8], file: &str) -> Result<Table, TableError> {
        let fail = |line: u64, message: String| TableError {
            file: file.to_owned(),
            line,
            field: None,
            message,
        };
        let mut reader = csv::ReaderBuilder::new().from_reader(bytes);
        let header = reader
            .headers()
            .map_err(|error| fail(1, format!("the header cannot be read: {error}")))?
            .clone();
        let columns: Vec<String> = header.iter().map(|name| name.trim().to_owned()).collect();
        if columns.iter().all(String::is_empty) {
            return Err(fail(
                1,
                "the table is empty; its first line names the columns".to_owned(),
            ));
        }
        for (at, name) in columns.iter().enumerate() {
            if columns[..at].contains(name) {
                return Err(fail(1, format!("the column `{name}` stands twice")));
            }
        }
        let mut rows = Vec::new();
        for record in reader.records() {
            let record = record.map_err(|error| {
                let line = error.position().map_or(1, csv::Position::line);
                fail(line, format!("the row cannot be read: {error}"))
            })?;
            let line = record.position().map_or(1, csv::Position::line);
            let cells = columns
                .iter()
                .zip(record.iter())
                .filter(|(_, value)| !value.trim().is_empty())
                .map(|(name, value)| (name.clone(), value.trim().to_owned()))
                .collect();
            rows.push(Row { line, cells });
        }
        if rows.is_empty() {
            return Err(fail(1, "the table has no row".to_owned()));
        }
        Ok(Table { columns, rows })
    }
}

impl Table {
    /// One field is wrong.
    pub fn bad(&self, file: &str, row: &Row, column: &str, what: &str) -> TableError {
        let place = self.columns.iter().position(|name| name == column);
        let text: String = row.text(column).unwrap_or("").chars().take(40).collect();
        TableError {
            file: file.to_owned(),
            line: row.line,
            field: place.map(|place| place + 1),
            message: format!("`{text}` in `{column}` {what}"),
        }
    }

    /// Whether columns hold numbers, or nothing.
    ///
    /// # Errors
    /// Names the first field that does not.
    pub fn numbers<'c>(
        &self,
        file: &str,
        columns: impl IntoIterator<Item = &'c str>,
    ) -> Result<(), TableError> {
        for column in columns {
            let wrong = |row: &&Row| row.text(column).is_some() && row.number(column).is_none();
            if let Some(row) = self.rows.iter().find(wrong) {
                let what = "is no number; leave it empty where nothing was measured";
                return Err(self.bad(file, row, column, what));
            }
        }
        Ok(())
    }
}

impl Row {
    pub fn text(&self, column: &str) -> Option<&str> {
        self.cells.get(column).map(String::as_str)
    }

    pub fn number(&self, column: &str) -> Option<f64> {
        self.text(column)?
            .parse()
            .ok()
            .filter(|value: &f64| value.is_finite())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_read_with_their_lines() {
        let table = Table::read(b"a,b\n1,\n\"x,y\",2\n", "t.csv").expect("it is a table");
        assert_eq!(table.rows.len(), 2);
        assert_eq!(table.rows[0].number("a"), Some(1.0));
        assert_eq!(table.rows[0].text("b"), None);
        assert_eq!(
            (table.rows[1].line, table.rows[1].text("a")),
            (3, Some("x,y"))
        );
    }

    #[test]
    fn mistakes_are_named_with_their_place() {
        let error = |bytes: &[u8]| {
            Table::read(bytes, "t.csv")
                .expect_err("it is wrong")
                .to_string()
        };
        assert_eq!(
            error(b""),
            "t.csv:1: the table is empty; its first line names the columns"
        );
        assert_eq!(error(b"a,a\n1,2\n"), "t.csv:1: the column `a` stands twice");
        assert_eq!(error(b"a,b\n"), "t.csv:1: the table has no row");
        assert!(error(b"a,b\n1,2\n3\n").starts_with("t.csv:3: "));
        assert!(error(b"a,b\n1,\xff\n").starts_with("t.csv:2: "));
    }
}
