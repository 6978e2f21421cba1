//! Replaying a case of a check: its scenario again, against its trace and its digest, and whether the same promise breaks.

use std::path::Path;

use crate::campaign::check;
use crate::cli::check::cases::CaseFile;
use crate::cli::check::unheard;
use crate::cli::status::{Failure, Status};
use crate::cli::{console, input};

use super::report::{Recorded, against};

pub(super) fn replay(folder: &Path, quiet: bool) -> Result<Status, Failure> {
    let case = CaseFile::read(folder)?;
    let scenario = input::of_report(folder, &[])?;
    let shown = unheard(|| check::run(&scenario));
    let mut broken = shown.broken.iter();
    let verdict = match broken.any(|broken| broken.id == case.invariant) {
        true => "breaks as it did",
        false => "does not break any more",
    };
    console::note(&format!("{} {verdict}", case.invariant));
    let digest = format!("{:032x}", shown.digest);
    if case.invariant != check::NO_PANIC {
        return against(folder, &Recorded::of_case(case.digest), &scenario, quiet);
    }
    // The program contradicts itself on the way: there is no trace.
    if digest == case.digest {
        console::print(format!("identical: digest {digest}\n").as_bytes())?;
        return Ok(Status::Ok);
    }
    console::print(format!("differs: digest {}, now {digest}\n", case.digest).as_bytes())?;
    Ok(Status::Differs)
}
