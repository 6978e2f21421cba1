//! A `trace.jsonl` on disk, read once from front to back, and again where a cause is looked up.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use crate::cli::status::Failure;
use crate::cli::trace::Event;

use super::compare::Reference;

/// Longer than any event: such a file is something else.
const LINE_BYTES_MAX: u64 = 16 << 20;

/// Where no line of an event was seen.
const NOWHERE: u64 = u64::MAX;

pub(super) struct Stored {
    path: PathBuf,
    file: BufReader<File>,
    /// Lines given so far.
    lines: u64,
    /// Where the line given last starts, and where the next one does.
    last: u64,
    next: u64,
    /// Where the first line of each event starts.
    offsets: Vec<u64>,
}

impl Stored {
    /// The trace at this path; nothing where there is none.
    pub(super) fn open(path: &Path) -> Result<Option<Stored>, Failure> {
        match File::open(path) {
            Ok(file) => Ok(Some(Stored {
                path: path.to_path_buf(),
                file: BufReader::with_capacity(1 << 20, file),
                lines: 0,
                last: 0,
                next: 0,
                offsets: Vec::new(),
            })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Failure::io("read", path, &error)),
        }
    }

    /// The path, for messages.
    pub(super) fn name(&self) -> String {
        self.path.display().to_string()
    }

    fn read(&mut self, line: &mut Vec<u8>) -> io::Result<usize> {
        line.clear();
        (&mut self.file)
            .take(LINE_BYTES_MAX)
            .read_until(b'\n', line)
    }

    fn bad(&self, why: &str) -> Failure {
        Failure::bad(format!(
            "{}:{}: {why}; run the scenario beside it again to get a whole trace",
            self.path.display(),
            self.lines
        ))
    }
}

impl Reference for Stored {
    fn next(&mut self, line: &mut Vec<u8>) -> Result<bool, Failure> {
        let read = self
            .read(line)
            .map_err(|error| Failure::io("read", &self.path, &error))?;
        self.last = self.next;
        self.next += read as u64;
        self.lines += u64::from(read > 0);
        if read as u64 == LINE_BYTES_MAX {
            return Err(self.bad("this line is longer than any event of a trace"));
        }
        Ok(read > 0)
    }

    fn parse(&self, line: &[u8]) -> Result<Event, Failure> {
        serde_json::from_slice(line).map_err(|error| {
            if line.last() == Some(&b'\n') {
                self.bad(&format!("this is not an event of a trace ({error})"))
            } else {
                self.bad("the file is cut off in the middle of this line")
            }
        })
    }

    fn passed(&mut self, event: u64) {
        // Numbers of events are dense; should they ever not be, causes are missed and nothing else.
        let Ok(index) = usize::try_from(event) else {
            return;
        };
        let dense = index <= 2 * self.offsets.len() + 1024;
        if index >= self.offsets.len() && dense {
            self.offsets.resize(index + 1, NOWHERE);
        }
        if let Some(offset) = self.offsets.get_mut(index) {
            *offset = (*offset).min(self.last);
        }
    }

    fn look_up(&mut self, event: u64) -> Option<Event> {
        let offset = *self.offsets.get(usize::try_from(event).ok()?)?;
        if offset == NOWHERE {
            return None;
        }
        let mut line = Vec::new();
        self.file.seek(SeekFrom::Start(offset)).ok()?;
        self.read(&mut line).ok()?;
        serde_json::from_slice(&line).ok()
    }
}
