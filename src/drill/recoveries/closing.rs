//! When a job is late, and when a recovery is over.

use crate::dataflow::topology::JobId;
use crate::drill::arrivals::Arrivals;
use crate::drill::episode::Episode;
use crate::kernel::Time;

use super::{CAUGHT_UP_FOR, Recoveries};

impl Recoveries {
    /// Looks from time to time whether output is late, and whether a recovery is over.
    pub fn look(&mut self, arrivals: &mut Arrivals, now: Time) {
        let late = self.blueprint.monitor.late;
        for job in 0..self.jobs.len() {
            let overdue = arrivals
                .oldest_outstanding(&self.read[job])
                .is_some_and(|oldest| now.since(oldest) > late);
            match overdue {
                true => self.jobs[job].last_late = now,
                false => self.jobs[job].in_time = now,
            }
            if overdue && self.jobs[job].episode.is_none() && self.jobs[job].submitted {
                // Late before anybody noticed why: what is wrong now is why.
                let active = |number: &usize| {
                    let fault = &self.faults[*number];
                    fault
                        .healed
                        .is_none_or(|healed| now.since(healed) < late * 2)
                        && !self.is_answered(*number)
                        && !fault.spared.contains(&(job as JobId))
                };
                let zookeeper = &self.blueprint.directory.zookeeper;
                let faults = (0..self.faults.len()).filter(active);
                let faults = faults
                    .filter(|number| !zookeeper.contains(&self.faults[*number].target))
                    .collect();
                let faults = self.without_borne(faults, job as JobId);
                self.open(job as JobId, faults, now);
                self.jobs[job].unacted(&self.faults, now);
            }
            let following = &mut self.jobs[job];
            let end = following.last_late.max(following.done_at);
            let quiet = now.since(end) >= CAUGHT_UP_FOR && following.state.is_done();
            if let Some(episode) = following
                .episode
                .take_if(|episode| quiet && episode.is_answered(&self.faults))
            {
                let end = end.max(episode.at);
                self.closed.push(Episode {
                    end: Some(end),
                    ..episode
                });
            }
        }
    }

    /// The run is over.
    pub fn finish(&mut self) {
        for following in &mut self.jobs {
            self.closed.extend(following.episode.take());
        }
        self.closed.sort_by_key(|episode| (episode.at, episode.job));
    }
}
