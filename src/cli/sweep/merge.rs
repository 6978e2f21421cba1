//! `firedrill sweep merge`: shards of one sweep become the whole.

use std::path::Path;

use crate::campaign::sweep::Row;
use crate::cli::args::MergeArgs;
use crate::cli::status::{Failure, Status};

use super::finish;
use super::home::{Home, read_manifest, read_runs};
use super::manifest::Manifest;

pub(super) fn run(args: &MergeArgs) -> Result<Status, Failure> {
    let mut whole: Option<Manifest> = None;
    let mut rows: Vec<Row> = Vec::new();
    let mut seen: Vec<(u64, &Path)> = Vec::new();
    for folder in &args.shards {
        let manifest = read_manifest(folder)?;
        let Some((which, of)) = manifest.shard else {
            return Err(Failure::bad(format!(
                "{} is no shard but a whole sweep",
                folder.display()
            )));
        };
        if let Some((_, other)) = seen.iter().find(|(seen, _)| *seen == which) {
            return Err(Failure::bad(format!(
                "{} and {} are both shard {which} of {of}",
                other.display(),
                folder.display()
            )));
        }
        let first = whole.get_or_insert_with(|| manifest.clone());
        let shards = |manifest: &Manifest| manifest.shard.map(|(_, of)| of);
        let difference = first.difference(&manifest).or_else(|| {
            (shards(first) != shards(&manifest)).then(|| "the number of shards".to_string())
        });
        if let Some(difference) = difference {
            return Err(Failure::bad(format!(
                "{} and {} are shards of different sweeps; what differs: {difference}",
                args.shards[0].display(),
                folder.display()
            )));
        }
        rows.extend(read_runs(folder, manifest.varied.len())?);
        seen.push((which, folder));
    }
    let Some(mut whole) = whole else {
        return Err(Failure::bad("name the folders of the shards"));
    };
    let of = whole.shard.take().map_or(0, |(_, of)| of);
    let missing: Vec<String> = (1..=of)
        .filter(|which| !seen.iter().any(|(seen, _)| seen == which))
        .map(|which| which.to_string())
        .collect();
    if !missing.is_empty() {
        return Err(Failure::bad(format!(
            "of {of} shards these are missing: {}",
            missing.join(", ")
        )));
    }
    rows.sort_by_key(|row| row.case);
    let cases = whole.plan().cases();
    if rows.len() as u64 != cases || (0..cases).zip(&rows).any(|(case, row)| row.case != case) {
        return Err(Failure::bad(format!(
            "the shards hold {} of {cases} runs; resume the one that is not finished",
            rows.len()
        )));
    }
    let mut home = Home::open(args.out.as_deref(), &whole, false)?;
    home.rows = rows;
    finish(home, &whole, args.format, args.quiet, args.junit.as_deref())
}
