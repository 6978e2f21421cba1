//! The fault plan, as it stands in the file.

use crate::fault::{LinkTrouble, Links, NotificationTrouble};
use crate::kernel::time::Time;
use crate::scenario::file::{
    At, Bandwidth, CutFile, Decimal, DelayRange, Duration, FaultFile, LossyLinkFile,
    ResetConnectionsFile, Share, SlowLinkFile,
};
use crate::scenario::model::{Fault, FaultKind, Scenario, Target, When};
use crate::scenario::resolve::write_condition;
use crate::scenario::units::write_duration;

pub fn fault(f: &Fault, scenario: &Scenario) -> FaultFile {
    let mut file = FaultFile::default();
    when(f.at, scenario, &mut file);
    let target = Some(At::nowhere(scenario.target_name(f.target)));
    let lasts = f.lasts.map(|span| At::nowhere(Duration(span)));
    let decimal = |value: u32| Some(At::nowhere(Decimal(u64::from(value))));
    match &f.kind {
        FaultKind::Kill => (file.kill, file.restart_after) = (target, lasts),
        FaultKind::Stop => (file.stop, file.restart_after) = (target, lasts),
        FaultKind::Start => file.start = target,
        FaultKind::Hang => (file.hang, file.r#for) = (target, lasts),
        FaultKind::Resume => file.resume = target,
        FaultKind::PowerOff => (file.power_off, file.restart_after) = (target, lasts),
        FaultKind::CutOff => (file.cut_off, file.r#for) = (target, lasts),
        FaultKind::Links(links) => {
            file.r#for = lasts;
            self::links(links, scenario, &mut file);
        }
        FaultKind::Slow { factor_per_mille } => {
            (file.slow, file.r#for) = (target, lasts);
            file.factor = decimal(*factor_per_mille);
        }
        FaultKind::TakeCpu { millicores } => {
            (file.take_cpu, file.r#for) = (target, lasts);
            file.cores = decimal(*millicores);
        }
        FaultKind::ExpireSession => file.expire_session = target,
        FaultKind::SlowStorage { factor_per_mille } => {
            (file.slow_storage, file.r#for) = (target, lasts);
            file.factor = decimal(*factor_per_mille);
        }
        FaultKind::FailStorage => (file.fail_storage, file.r#for) = (target, lasts),
        FaultKind::LoseStorage => (file.lose_storage, file.r#for) = (target, lasts),
        FaultKind::Notifications(trouble) => {
            file.r#for = lasts;
            match trouble {
                NotificationTrouble::Lost => file.lose_notifications = target,
                NotificationTrouble::Late { by } => {
                    file.delay_notifications = target;
                    file.by = Some(At::nowhere(Duration(*by)));
                }
                NotificationTrouble::Doubled => file.double_notifications = target,
            }
        }
        FaultKind::Throw => file.throw = target,
        FaultKind::StuckCancel => (file.stuck_cancel, file.r#for) = (target, lasts),
        FaultKind::RollingRestart => (file.rolling_restart, file.pause) = (target, lasts),
        FaultKind::SavepointAndRestart => file.savepoint_and_restart = target,
        FaultKind::DropCheckpoint => file.drop_checkpoint = target,
        FaultKind::AddPartitions { count } => {
            (file.add_partitions, file.count) = (target, Some(At::nowhere(*count)));
        }
        FaultKind::Silence { partition } => {
            (file.silence, file.r#for) = (target, lasts);
            file.partition = Some(At::nowhere(*partition));
        }
    }
    file
}

fn when(at: When, scenario: &Scenario, file: &mut FaultFile) {
    let instant = |time: Time| write_duration(time.0);
    let text = match at {
        When::At(time) => Some(instant(time)),
        When::Between(from, to) => Some(format!("{} .. {}", instant(from), instant(to))),
        When::Upon {
            condition,
            not_before,
            after,
        } => {
            file.when = Some(At::nowhere(write_condition(condition, scenario)));
            file.after = Some(At::nowhere(DelayRange(after)));
            (not_before > Time::ZERO).then(|| instant(not_before))
        }
    };
    file.at = text.map(At::nowhere);
}

fn links(links: &Links, scenario: &Scenario, file: &mut FaultFile) {
    let names = |targets: &[Target]| {
        let names = targets.iter().map(|target| scenario.target_name(*target));
        At::nowhere(names.map(At::nowhere).collect())
    };
    let from = names(&links.from);
    let to = (!links.to.is_empty()).then(|| names(&links.to));
    let one_way = Some(links.one_way);
    match links.trouble {
        LinkTrouble::Cut => file.cut = Some(At::nowhere(CutFile { from, to, one_way })),
        LinkTrouble::Slow {
            latency,
            bytes_per_s,
        } => {
            file.slow_link = Some(At::nowhere(SlowLinkFile {
                from,
                to,
                one_way,
                latency: Some(At::nowhere(DelayRange(latency))),
                bandwidth: (bytes_per_s > 0).then(|| At::nowhere(Bandwidth(bytes_per_s))),
            }));
        }
        LinkTrouble::Reset => {
            file.reset_connections = Some(At::nowhere(ResetConnectionsFile { from, to }));
        }
        LinkTrouble::Lossy { per_mille } => {
            file.lossy_link = Some(At::nowhere(LossyLinkFile {
                from,
                to,
                one_way,
                loss: At::nowhere(Share(per_mille)),
            }));
        }
    }
}
