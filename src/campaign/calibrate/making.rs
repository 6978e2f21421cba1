//! Value by value: which times between a recovery's marks show it, and what else is in them.

use crate::campaign::statistics::{median, quantile};
use crate::kernel::{Distribution, Span};
use crate::scenario::model::Profile;

use super::shape::{at, scaled};
use super::{Calibration, Found, Seen};

pub struct Making {
    calibration: Calibration,
}

impl Making {
    pub fn from(base: Profile) -> Making {
        Making {
            calibration: Calibration {
                profile: base,
                found: Vec::new(),
                missing: Vec::new(),
            },
        }
    }

    /// Everything that the rows show.
    pub fn all(mut self, seen: &[Seen<'_>], cores: Option<f64>) -> Calibration {
        self.machine(seen);
        self.failures(seen);
        self.slots(seen);
        self.leaders(seen);
        self.deployments(seen, cores);
        self.calibration
    }

    fn profile(&mut self) -> &mut Profile {
        &mut self.calibration.profile
    }

    fn missing(&mut self, key: &'static str, why: &str) {
        self.calibration.missing.push((key, why.to_owned()));
    }

    /// Takes the sample's own quantiles, in milliseconds. False: there is none.
    fn take(
        &mut self,
        key: &'static str,
        sample: &[f64],
        how: &str,
        why_not: &str,
    ) -> Option<Distribution> {
        let sample: Vec<f64> = sample.iter().map(|ms| ms.max(0.0)).collect();
        let Some(middle) = median(&sample) else {
            self.missing(key, why_not);
            return None;
        };
        self.found(key, sample.len(), middle, how);
        let at = |per_mille| {
            let ms = quantile(&sample, per_mille).unwrap_or(middle);
            Span::from_us((ms * 1e3).round() as u64)
        };
        Some(Distribution::Quantiles {
            min: at(0),
            median: at(500),
            p95: at(950),
            max: at(1_000),
        })
    }

    fn found(&mut self, key: &'static str, rows: usize, median: f64, how: &str) {
        self.calibration.found.push(Found {
            key,
            rows,
            median,
            how: how.to_owned(),
        });
    }

    /// How much of the machine the neighbours left.
    fn machine(&mut self, seen: &[Seen<'_>]) {
        let left: Vec<f64> = seen
            .iter()
            .filter_map(|one| Some(1.0 - one.ms("cpu_steal")?))
            .filter(|left| (0.001..=1.0).contains(left))
            .collect();
        let Some(usual) = median(&left) else {
            return self.missing("host-speed", "no column `cpu_steal`");
        };
        let at = |per_mille| {
            let left = quantile(&left, per_mille).unwrap_or(usual);
            ((left / usual * 1e3).round() as u64).max(1)
        };
        self.profile().host_speed_per_mille = Distribution::Quantiles {
            min: at(0),
            median: at(500),
            p95: at(950),
            max: at(1_000),
        };
        let how = "cpu_steal: what was left of the machine, its median as 1";
        self.found("host-speed", left.len(), 1.0, how);
    }

    fn failures(&mut self, seen: &[Seen<'_>]) {
        let thrown = seen.iter().filter(|one| one.is(&["user-exc"]));
        let failed: Vec<f64> = thrown
            .clone()
            .filter_map(|one| one.ms("detect_ms"))
            .collect();
        let how = "detect_ms of user-exc: from the exception until the JobMaster hears of it";
        if let Some(found) = self.take(
            "task-failure",
            &failed,
            how,
            "no row of user-exc with detect_ms",
        ) {
            self.profile().task_failure = found;
        }
        let profile = &self.calibration.profile;
        let noticed = (profile.connection_notice.median() + profile.task_failure.min()).as_ms();
        let closed: Vec<f64> = seen
            .iter()
            .filter(|one| one.is(&["tm-kill"]))
            .filter(|one| {
                let kind = one.row.text("detect_kind");
                kind.is_none_or(|kind| kind == "netty-connection-closed")
            })
            .filter_map(|one| Some(one.ms("detect_ms")? - noticed))
            .collect();
        let how =
            "detect_ms of tm-kill, less the median of connection-notice and the least task-failure";
        let why_not = "no row of tm-kill that a closed connection showed";
        if let Some(found) = self.take("process-teardown", &closed, how, why_not) {
            self.profile().process_teardown = found;
        }
        // The last of many tasks: the base's shape, so wide that the last of as many is what was seen.
        let last: Vec<(f64, u32)> = thrown
            .filter_map(|one| {
                let tasks = one.held.as_ref()?.n_tasks;
                Some((one.between("detect_ms", "old_tasks_cancelled_ms")?, tasks))
            })
            .collect();
        let slowest: Vec<f64> = last.iter().map(|(ms, _)| *ms).collect();
        let tasks: Vec<f64> = last.iter().map(|(_, tasks)| f64::from(*tasks)).collect();
        let key = "task-cancellation";
        let (Some(slowest), Some(tasks)) = (median(&slowest), median(&tasks)) else {
            return self.missing(
                key,
                "no row of user-exc with detect_ms, old_tasks_cancelled_ms and cycles",
            );
        };
        let base = self.calibration.profile.task_cancellation;
        let expected = at(base, tasks / (tasks + 1.0)).as_ms();
        if expected > 0.0 && slowest > 0.0 {
            let found = scaled(base, slowest / expected);
            self.profile().task_cancellation = found;
            let how = "detect_ms to old_tasks_cancelled_ms of user-exc is the slowest of all tasks: the base's shape, scaled";
            self.found(key, last.len(), found.median().as_ms(), how);
        } else {
            self.missing(key, "the base's shape cannot be scaled to it");
        }
    }

    fn slots(&mut self, seen: &[Seen<'_>]) {
        let thrown = seen.iter().filter(|one| one.is(&["user-exc"]));
        let waited: Vec<f64> = thrown.filter_map(Seen::waited).collect();
        let how = "scheduled to first_deploying of user-exc, where every slot is at hand";
        let why_not = "no row of user-exc with cycles";
        if let Some(found) = self.take("scheduling", &waited, how, why_not) {
            self.profile().scheduling = found;
        }
        let usual = self.calibration.profile.scheduling.median().as_ms();
        let lost = seen
            .iter()
            .filter(|one| one.is(&["tm-kill", "tm-stop", "part"]));
        let spare = lost.clone().filter(|one| {
            one.acted.is_none() && one.ms("free_slots").is_none_or(|free| free > 0.0)
        });
        // Where the dead TaskManager's slots still counted as the job's, the wait is for the verdict, not for a slot.
        let waits: Vec<f64> = spare
            .filter(|one| {
                let since = one.held.as_ref().map(|held| held.scheduled);
                let known = one.ms("rm_lost_tm_ms").or(one.ms("jobmaster_lost_tm_ms"));
                known.is_none_or(|known| since.is_some_and(|since| since >= known))
            })
            .filter_map(|one| Some(one.waited()? - usual))
            .collect();
        let how = "scheduled to first_deploying where a TaskManager was lost and known to be, less the median of scheduling: the slowest of its slots";
        let why_not = "no row that lost a TaskManager with slots to spare and cycles";
        if let Some(found) = self.take("slot-allocation", &waits, how, why_not) {
            self.profile().slot_allocation = found;
        }
        let slot = self.calibration.profile.slot_allocation.median().as_ms();
        let started: Vec<f64> = lost
            .filter(|one| one.ms("free_slots") == Some(0.0))
            .filter_map(|one| Some(one.held.as_ref()?.first_deploying? - one.acted? - slot - usual))
            .collect();
        let how = "from the start of the replacement (note) to first_deploying without spare slots, less the medians of slot-allocation and scheduling";
        let why_not = "no row without spare slots and with `actions at [..] ms` in its note";
        if let Some(found) = self.take("taskmanager-startup", &started, how, why_not) {
            self.profile().process_startup.taskmanager = found;
        }
    }

    /// Three steps of a new leader show only together.
    fn leaders(&mut self, seen: &[Seen<'_>]) {
        let took: Vec<f64> = seen
            .iter()
            .filter(|one| one.kind.contains("jm-"))
            .filter_map(|one| one.between("leader_granted_ms", "job_recovered_ms"))
            .collect();
        let keys = [
            "leader-services-startup",
            "job-recovery",
            "jobmaster-startup",
        ];
        let profile = &self.calibration.profile;
        let steps = [
            profile.leader_services_startup,
            profile.job_recovery,
            profile.jobmaster_startup,
        ];
        let base: f64 = steps.iter().map(|step| step.median().as_ms()).sum();
        let Some(middle) = median(&took).filter(|_| base > 0.0) else {
            for key in keys {
                self.missing(
                    key,
                    "no row of jm-kill with leader_granted_ms and job_recovered_ms",
                );
            }
            return;
        };
        let [services, job, master] = steps.map(|step| scaled(step, middle / base));
        self.profile().leader_services_startup = services;
        self.profile().job_recovery = job;
        self.profile().jobmaster_startup = master;
        for (key, step) in keys.into_iter().zip([services, job, master]) {
            let how = "leader_granted_ms to job_recovered_ms, shared out as the base has it";
            self.found(key, took.len(), step.median().as_ms(), how);
        }
    }

    /// Tasks come up side by side on the cores that they share, so that the whole tells the work of one.
    fn deployments(&mut self, seen: &[Seen<'_>], cores: Option<f64>) {
        let keys = ["task-deployment-cpu", "task-initialization-cpu"];
        let Some(cores) = cores else {
            for key in keys {
                self.missing(key, "say how many cores the tasks share, with --cores");
            }
            return;
        };
        let sizes = seen.iter().filter_map(|one| one.ms("state_bytes"));
        let least = sizes.fold(f64::INFINITY, f64::min);
        // Later faults of a job find warm processes, and little state takes no time to read.
        let warm = seen
            .iter()
            .filter(|one| one.ms("fault_no_in_job").is_none_or(|number| number > 1.0))
            .filter(|one| one.ms("state_bytes").is_none_or(|bytes| bytes <= least));
        let work: Vec<(f64, f64)> = warm
            .filter_map(|one| {
                let held = one.held.as_ref()?;
                let from = held.first_deploying?;
                let each = cores / f64::from(held.n_tasks.max(1));
                let deployed = (held.all_initializing? - from) * each;
                Some((deployed, (held.all_running? - from) * each - deployed))
            })
            .collect();
        let why_not = "no row with fault_no_in_job above 1 (or without the column) and cycles";
        let (deploying, initializing): (Vec<f64>, Vec<f64>) = work.into_iter().unzip();
        let how = "first_deploying to all_initializing, times the cores, for each task";
        if let Some(found) = self.take(keys[0], &deploying, how, why_not) {
            self.profile().task_deployment_cpu = found;
        }
        let how = "all_initializing to all_running, times the cores, for each task: the least that it can be";
        if let Some(found) = self.take(keys[1], &initializing, how, why_not) {
            self.profile().task_initialization_cpu = found;
        }
    }
}
