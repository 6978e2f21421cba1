//! Which task and which of its channels a channel number, or that of a connection, means on this TaskManager.

use crate::dataflow::topology::ChannelId;

/// A task's number, and the position of the channel among its inputs or outputs.
pub(super) type Route = (u32, u16);

const PAGE: usize = 8;

/// A TaskManager has few of all channels of a wide exchange, so only those pages are kept that have routes.
#[derive(Clone, Debug)]
pub(super) struct Routes {
    /// By page: where it is kept; 0 is a page without routes.
    kept: Vec<u32>,
    pages: Vec<[Option<Route>; PAGE]>,
}

impl Routes {
    pub(super) fn new(channels: usize) -> Routes {
        Routes {
            kept: vec![0; channels.div_ceil(PAGE)],
            pages: vec![[None; PAGE]],
        }
    }

    #[inline]
    pub(super) fn get(&self, channel: ChannelId) -> Option<Route> {
        let channel = channel as usize;
        self.pages[self.kept[channel / PAGE] as usize][channel % PAGE]
    }

    pub(super) fn set(&mut self, channel: ChannelId, route: Route) {
        let channel = channel as usize;
        let kept = &mut self.kept[channel / PAGE];
        if *kept == 0 {
            *kept = self.pages.len() as u32;
            self.pages.push([None; PAGE]);
        }
        self.pages[*kept as usize][channel % PAGE] = Some(route);
    }

    /// The task is gone; a successor may have its channels already.
    pub(super) fn remove(&mut self, channel: ChannelId, task: u32) {
        let channel = channel as usize;
        let route = &mut self.pages[self.kept[channel / PAGE] as usize][channel % PAGE];
        if route.is_some_and(|(owner, _)| owner == task) {
            *route = None;
        }
    }
}

/// Whose connections a TaskManager's are: each was opened by one of its tasks for one of its inputs.
#[derive(Clone, Debug, Default)]
pub(super) struct Connections {
    /// Numbers begin behind this one, which differs between incarnations; 0 stands for no connection.
    base: u32,
    inputs: Vec<Route>,
}

impl Connections {
    pub(super) fn numbered_from(base: u32) -> Connections {
        Connections {
            base,
            inputs: Vec::new(),
        }
    }

    /// The number of a new one.
    pub(super) fn open(&mut self, input: Route) -> u32 {
        self.inputs.push(input);
        self.base + self.inputs.len() as u32
    }

    /// Who opened it; that task may be gone, or have opened another one since.
    #[inline]
    pub(super) fn get(&self, connection: u32) -> Option<Route> {
        let number = connection.checked_sub(self.base)?.checked_sub(1)?;
        self.inputs.get(number as usize).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_is_its_own_among_its_neighbours_and_stays_with_a_successor() {
        let mut routes = Routes::new(20);
        assert!((0..20).all(|channel| routes.get(channel).is_none()));
        routes.set(9, (1, 0));
        routes.set(10, (2, 3));
        assert_eq!(
            (8..12)
                .map(|channel| routes.get(channel))
                .collect::<Vec<_>>(),
            [None, Some((1, 0)), Some((2, 3)), None]
        );
        assert_eq!(routes.get(1), None);
        routes.set(9, (3, 1));
        routes.remove(9, 1);
        assert_eq!(routes.get(9), Some((3, 1)));
        routes.remove(9, 3);
        routes.remove(19, 3);
        assert_eq!((routes.get(9), routes.get(10)), (None, Some((2, 3))));
    }

    #[test]
    fn a_connection_is_known_by_its_number_in_its_incarnation() {
        let mut connections = Connections::numbered_from(1 << 20);
        let numbers = [(7, 0), (7, 1)].map(|input| connections.open(input));
        assert_eq!(numbers, [(1 << 20) + 1, (1 << 20) + 2]);
        assert_eq!(
            numbers.map(|number| connections.get(number)),
            [Some((7, 0)), Some((7, 1))]
        );
        assert_eq!(
            [0, 1, 1 << 20, (1 << 20) + 3].map(|other| connections.get(other)),
            [None; 4]
        );
    }
}
