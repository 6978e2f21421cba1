//! `firedrill calibrate`: a profile out of a table of measured recoveries.

use std::path::Path;

use crate::campaign::calibrate::{Calibration, calibrate};
use crate::campaign::validate::Table;

use super::args::CalibrateArgs;
use super::engine::{self, Beside};
use super::folder::write_whole;
use super::status::{Failure, Status};
use super::{console, input};

pub(super) fn run(args: &CalibrateArgs) -> Result<Status, Failure> {
    let file = args.table.display().to_string();
    let table = Table::read(&input::bytes(&args.table, "the table")?, &file)
        .map_err(|error| Failure::bad(error.to_string()))?;
    let beside = Beside {
        flink_config: None,
        read: &|path, _| input::profile(Path::new(""), path, true),
    };
    let argument = format!("--base {}", args.base);
    let base = engine::load_profile(&args.base, &argument, &beside)
        .map_err(|error| Failure::bad(error.to_string()))?;
    let base_name = base.name.clone();
    let mut calibration = calibrate(&table, &file, base, args.cores)
        .map_err(|error| Failure::bad(error.to_string()))?;
    calibration.profile.name = name(args);
    let table_name = args.table.file_name().unwrap_or(args.table.as_os_str());
    let yaml = yaml(&calibration, &table_name.to_string_lossy(), &base_name);
    let Some(out) = &args.out else {
        console::print(yaml.as_bytes())?;
        return Ok(Status::Ok);
    };
    write_whole(out, yaml.as_bytes())?;
    console::print(text(&calibration, &base_name).as_bytes())?;
    Ok(Status::Ok)
}

/// After its file, else after the table.
fn name(args: &CalibrateArgs) -> String {
    let path = args.out.as_ref().unwrap_or(&args.table);
    path.file_stem().map_or_else(
        || "calibrated".to_string(),
        |stem| stem.to_string_lossy().into_owned(),
    )
}

/// The profile as a file, each value under a line that says where it comes from.
fn yaml(calibration: &Calibration, table: &str, base: &str) -> String {
    let mut yaml = format!("# Made of {table}; what it does not show is the profile `{base}`.\n");
    for line in engine::profile_yaml(&calibration.profile).lines() {
        let key = line.split(':').next().unwrap_or(line);
        if let Some(found) = calibration.found.iter().find(|found| found.key == key) {
            yaml.push_str(&format!("# {} rows: {}\n", found.rows, found.how));
        } else if let Some((_, why)) = calibration
            .missing
            .iter()
            .find(|(missing, _)| *missing == key)
        {
            yaml.push_str(&format!("# {base}: {why}\n"));
        }
        yaml.push_str(line);
        yaml.push('\n');
    }
    yaml
}

/// What came of it, for a terminal.
fn text(calibration: &Calibration, base: &str) -> String {
    let mut text = String::from("Found\n");
    for found in &calibration.found {
        let median = match found.key {
            "host-speed" => format!("{:.2}", found.median),
            _ => format!("{:.1} ms", found.median),
        };
        text.push_str(&format!(
            "  {:<30} {median:>12}  {:>3} rows: {}\n",
            found.key, found.rows, found.how
        ));
    }
    text.push_str(&format!("\nAs in {base}\n"));
    for (key, why) in &calibration.missing {
        text.push_str(&format!("  {key:<30} {why}\n"));
    }
    text
}
