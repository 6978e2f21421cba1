//! List state after a change of parallelism: Flink's `RoundRobinOperatorStateRepartitioner`.

/// Redistributes the items of one list state (`SPLIT_DISTRIBUTE`), given by the old subtasks in their order. With the same
/// parallelism everybody keeps what it had. Otherwise the items are cut, in their order, into runs that differ by one at
/// the most, longer ones first.
pub fn redistribute<T: Clone>(old: &[Vec<T>], parallelism: u32) -> Vec<Vec<T>> {
    if old.len() == parallelism as usize {
        return old.to_vec();
    }
    let all: Vec<T> = old.iter().flatten().cloned().collect();
    let parallelism = parallelism as usize;
    let (share, more) = (all.len() / parallelism, all.len() % parallelism);
    let mut rest = all.into_iter();
    (0..parallelism)
        .map(|index| {
            let count = share + usize::from(index < more);
            rest.by_ref().take(count).collect()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten partitions, the first of them with subtask 2, as the first assignment leaves them.
    fn owned(readers: u32) -> Vec<Vec<u32>> {
        let mut owned = vec![Vec::new(); readers as usize];
        for partition in 0..10 {
            owned[((2 + partition) % readers) as usize].push(partition);
        }
        owned
    }

    /// Computed with Flink's own class.
    #[test]
    fn items_go_where_flinks_class_puts_them() {
        assert_eq!(
            redistribute(&owned(5), 4),
            [vec![3, 8, 4], vec![9, 0, 5], vec![1, 6], vec![2, 7]]
        );
        assert_eq!(
            redistribute(&owned(5), 3),
            [vec![3, 8, 4, 9], vec![0, 5, 1], vec![6, 2, 7]]
        );
        assert_eq!(
            redistribute(&owned(4), 5),
            [vec![2, 6], vec![3, 7], vec![0, 4], vec![8, 1], vec![5, 9]]
        );
        assert_eq!(
            redistribute(&owned(4), 2),
            [vec![2, 6, 3, 7, 0], vec![4, 8, 1, 5, 9]]
        );
        assert_eq!(redistribute(&owned(4), 4), owned(4));
    }
}
