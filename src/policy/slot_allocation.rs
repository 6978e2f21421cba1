//! Which TaskManagers provide the slots that jobs miss: the ResourceManager's `DefaultResourceAllocationStrategy`.

/// `taskmanager.load-balance.mode`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoadBalanceMode {
    /// Any TaskManager that has room: one is filled before the next.
    None,
    /// Slots are spread over the TaskManagers.
    Slots,
    /// As few TaskManagers as possible.
    MinResources,
    /// Tasks are spread over the slots, and slots are assigned once all are there.
    Tasks,
}

/// A registered TaskManager and its slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Provider {
    pub slots: u32,
    pub free: u32,
}

/// The TaskManager of each of `missing` slots, by its index; fewer where there is no room for more. `providers` come in the
/// order of the ResourceManager's registrations, a hash map ([`HashOrder`](super::hash_order::HashOrder)).
///
/// `Tasks` balances only later, in the JobMaster: here it is `None`.
pub fn allocate(mode: LoadBalanceMode, providers: &[Provider], missing: u32) -> Vec<usize> {
    let mut left = providers.to_vec();
    let mut allocated = Vec::new();
    for _ in 0..missing {
        let with_room = || (0..left.len()).filter(|at| left[*at].free > 0);
        // The first of equals, as the iteration has it.
        let chosen = match mode {
            LoadBalanceMode::None | LoadBalanceMode::Tasks => with_room().next(),
            LoadBalanceMode::Slots => {
                with_room().reduce(|a, b| if left[b].is_freer_than(left[a]) { b } else { a })
            }
            LoadBalanceMode::MinResources => {
                with_room().reduce(|a, b| if left[a].is_freer_than(left[b]) { b } else { a })
            }
        };
        let Some(chosen) = chosen else {
            break;
        };
        left[chosen].free -= 1;
        allocated.push(chosen);
    }
    allocated
}

impl Provider {
    /// Whether its utilization is the lower one.
    fn is_freer_than(self, other: Provider) -> bool {
        u64::from(self.free) * u64::from(other.slots)
            > u64::from(other.free) * u64::from(self.slots)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(mode: LoadBalanceMode, free: &[u32], missing: u32) -> Vec<usize> {
        let providers: Vec<Provider> = free
            .iter()
            .map(|free| Provider {
                slots: 3,
                free: *free,
            })
            .collect();
        let allocated = allocate(mode, &providers, missing);
        (0..free.len())
            .map(|at| allocated.iter().filter(|chosen| **chosen == at).count())
            .collect()
    }

    /// Measured on Flink 2.3 with six TaskManagers of three slots and ten slots missing: 3, 3, 3, 1 without balancing, with
    /// `MIN_RESOURCES` and with `TASKS`; 2, 2, 2, 2, 1, 1 with `SLOTS`. Which TaskManager is which is the hash map's.
    #[test]
    fn modes_fill_or_spread_as_measured() {
        let fresh = [3; 6];
        for mode in [
            LoadBalanceMode::None,
            LoadBalanceMode::MinResources,
            LoadBalanceMode::Tasks,
        ] {
            assert_eq!(counts(mode, &fresh, 10), [3, 3, 3, 1, 0, 0], "{mode:?}");
        }
        assert_eq!(
            counts(LoadBalanceMode::Slots, &fresh, 10),
            [2, 2, 2, 2, 1, 1]
        );
    }

    #[test]
    fn what_is_in_use_counts() {
        let free = [3, 1, 2, 0];
        assert_eq!(counts(LoadBalanceMode::None, &free, 2), [2, 0, 0, 0]);
        assert_eq!(counts(LoadBalanceMode::Slots, &free, 2), [2, 0, 0, 0]);
        assert_eq!(counts(LoadBalanceMode::Slots, &free, 3), [2, 0, 1, 0]);
        assert_eq!(
            counts(LoadBalanceMode::MinResources, &free, 2),
            [0, 1, 1, 0]
        );
        assert_eq!(
            counts(LoadBalanceMode::MinResources, &free, 9),
            [3, 1, 2, 0]
        );
    }

    #[test]
    fn utilization_is_a_share_of_the_taskmanagers_own_slots() {
        let providers = [
            Provider { slots: 8, free: 5 },
            Provider { slots: 2, free: 2 },
        ];
        assert_eq!(allocate(LoadBalanceMode::Slots, &providers, 1), [1]);
        assert_eq!(allocate(LoadBalanceMode::MinResources, &providers, 1), [0]);
    }
}
