//! What the ledger promises, and how it was kept.

use crate::kernel::Time;

use super::Delivery;

/// Id, statement, times checked and violations of a promise.
pub type Promised<'a> = (&'static str, &'static str, u64, &'a [(Time, u64, String)]);

impl Delivery {
    /// Name, statement, times checked, violations; of each promise.
    pub fn promises(&self) -> [Promised<'_>; 6] {
        let [cut, visible, early, lost, written, again] = STATEMENTS;
        [
            (cut.0, cut.1, self.cut_checked, &self.cut_broken),
            (visible.0, visible.1, self.visible_checked, &self.duplicates),
            (early.0, early.1, self.visible_checked, &self.early),
            (lost.0, lost.1, self.visible_checked, &self.losses),
            (written.0, written.1, self.written_checked, &self.unwritten),
            (again.0, again.1, self.written_checked, &self.unaccounted),
        ]
    }
}

/// Ids and statements of what is promised here.
pub const STATEMENTS: [(&str, &str); 6] = [
    (
        "C6",
        "at a completed checkpoint every operator has applied exactly the records that its sources had emitted; at least those, where barriers do not block",
    ),
    (
        "S1-once",
        "exactly-once: no record is visible twice, unless a restart went back behind what was committed",
    ),
    (
        "S2",
        "exactly-once: no record is visible before a checkpoint that covers it has completed",
    ),
    (
        "S1-all",
        "exactly-once: every record that a committed checkpoint covers is visible, unless its transaction outlived its timeout, or a task that had been replaced took its transactional id",
    ),
    (
        "S6-all",
        "at-least-once: every record that a completed checkpoint covers has been written",
    ),
    (
        "S6-again",
        "at-least-once: a record is written again only where a restart has gone back to it",
    ),
];
