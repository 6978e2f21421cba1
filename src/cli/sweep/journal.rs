//! The journal of a sweep: a line per finished run, each written at once and with its own checksum.
//!
//! Whatever ends the program in between, at most the last line is torn; who resumes cuts it off.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use xxhash_rust::xxh3::xxh3_64;

use crate::campaign::sweep::Row;
use crate::cli::status::Failure;

/// How often what was written is forced to the disk: a machine that loses power loses no more than this.
const SYNC_EVERY: Duration = Duration::from_secs(1);

pub(super) struct Journal {
    path: PathBuf,
    file: File,
    /// Bytes that are whole lines.
    good: u64,
    synced: Instant,
}

impl Journal {
    /// Opens or makes it, for this process alone, and reads the rows that it holds.
    pub(super) fn open(path: &Path, keys: usize) -> Result<(Journal, Vec<Row>), Failure> {
        let failed = |error: io::Error| Failure::io("open the journal", path, &error);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(failed)?;
        // Where the file system knows no locks, nobody can be kept out.
        if let Err(TryLockError::WouldBlock) = file.try_lock() {
            return Err(Failure::bad(format!(
                "another process works on {}; wait for it, or name another folder with --out",
                path.display()
            )));
        }
        let mut text = Vec::new();
        file.read_to_end(&mut text).map_err(failed)?;
        let (rows, good) = rows(&text, keys);
        file.set_len(good).map_err(failed)?;
        file.seek(SeekFrom::Start(good)).map_err(failed)?;
        let journal = Journal {
            path: path.to_path_buf(),
            file,
            good,
            synced: Instant::now(),
        };
        Ok((journal, rows))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.good == 0
    }

    /// Adds a line; where it does not fit, nothing of it stays.
    pub(super) fn append(&mut self, row: &Row) -> Result<(), Failure> {
        let line = line(row);
        let mut result = self.file.write_all(&line);
        if result.is_ok() && self.synced.elapsed() >= SYNC_EVERY {
            result = self.file.sync_data();
            self.synced = Instant::now();
        }
        match result {
            Ok(()) => {
                self.good += line.len() as u64;
                Ok(())
            }
            Err(error) => {
                // A torn line is cut off when the sweep is resumed, should this not work.
                let _ = self.file.set_len(self.good);
                let advice = match error.kind() {
                    io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "make room, then",
                    _ => "then",
                };
                Err(Failure::bad(format!(
                    "cannot write to {}: {error}; what it holds is kept: {advice} go on with --resume",
                    self.path.display()
                )))
            }
        }
    }
}

fn line(row: &Row) -> Vec<u8> {
    let record = |fields: &[String]| {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer
            .write_record(fields)
            .expect("writing to memory cannot fail");
        writer.into_inner().expect("writing to memory cannot fail")
    };
    let mut fields = row.fields();
    let check = xxh3_64(&record(&fields));
    fields.push(format!("{check:016x}"));
    record(&fields)
}

/// The rows of all whole lines from the beginning, and how many bytes these are.
fn rows(text: &[u8], keys: usize) -> (Vec<Row>, u64) {
    let mut rows = Vec::new();
    let mut good = 0;
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .from_reader(text);
    let mut record = csv::StringRecord::new();
    while let Ok(true) = reader.read_record(&mut record) {
        let end = reader.position().byte() as usize;
        let mut fields: Vec<String> = record.iter().map(str::to_owned).collect();
        fields.pop();
        let Some(row) = Row::read(&fields, keys) else {
            break;
        };
        // Written again it must be the same bytes: checksum, line end and all.
        if text.get(good..end) != Some(line(&row).as_slice()) {
            break;
        }
        rows.push(row);
        good = end;
    }
    (rows, good as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::campaign::sweep::row::tests::row;

    fn text(cases: u64) -> Vec<u8> {
        let line = |case| line(&row(case, 0, case, Some(case as f64 / 3.0)));
        (0..cases).flat_map(line).collect()
    }

    #[test]
    fn whole_lines_are_read_and_what_is_torn_is_not() {
        let whole = text(3);
        assert_eq!(rows(&whole, 1).0.len(), 3);
        assert_eq!(rows(&whole, 1).1, whole.len() as u64);
        let two = text(2).len();
        for end in two..whole.len() {
            let (found, good) = rows(&whole[..end], 1);
            assert_eq!((found.len(), good), (2, two as u64), "cut at {end}");
        }
    }

    #[test]
    fn a_changed_byte_is_noticed() {
        let whole = text(3);
        let first = text(1).len();
        for at in first..text(2).len() {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            assert!(rows(&changed, 1).0.len() <= 1, "byte {at}");
        }
    }

    #[test]
    fn two_processes_do_not_share_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.csv");
        let (mut first, rows) = Journal::open(&path, 1).unwrap();
        assert!(rows.is_empty());
        first.append(&row(1, 0, 1, None)).unwrap();
        assert!(Journal::open(&path, 1).is_err());
        drop(first);
        let (_, rows) = Journal::open(&path, 1).unwrap();
        assert_eq!(rows, [row(1, 0, 1, None)]);
    }

    #[test]
    fn a_full_disk_is_said_and_costs_no_row_before() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.csv");
        let (mut journal, _) = Journal::open(&path, 1).unwrap();
        journal.append(&row(1, 0, 1, None)).unwrap();
        let Ok(full) = OpenOptions::new().write(true).open("/dev/full") else {
            return;
        };
        let kept = std::mem::replace(&mut journal.file, full);
        let failure = journal.append(&row(2, 0, 2, None)).unwrap_err();
        assert!(failure.message.contains("--resume"), "{}", failure.message);
        drop((kept, journal));
        assert_eq!(Journal::open(&path, 1).unwrap().1.len(), 1);
    }
}
