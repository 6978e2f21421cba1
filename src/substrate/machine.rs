//! Machines, and which process lives on which.

use crate::kernel::ActorId;
use crate::kernel::time::Span;

use super::cpu::{Cpu, Runnable, Slice};

/// A machine, by its place in the list.
pub type MachineId = u32;

#[derive(Clone, Debug, Default)]
pub struct Machines {
    machines: Vec<Cpu>,
    /// By actor. Those without one do not use CPU.
    homes: Vec<Option<MachineId>>,
}

impl Machines {
    pub fn add(&mut self, cpu: Cpu) -> MachineId {
        self.machines.push(cpu);
        self.machines.len() as MachineId - 1
    }

    /// The next actor lives there.
    pub fn settle(&mut self, machine: Option<MachineId>) {
        self.homes.push(machine);
    }

    pub fn home(&self, actor: ActorId) -> Option<MachineId> {
        self.homes[actor.0 as usize]
    }

    /// Who lives there, in order.
    pub fn inhabitants(&self, machine: MachineId) -> Vec<ActorId> {
        (0..self.homes.len() as u32)
            .map(ActorId)
            .filter(|actor| self.home(*actor) == Some(machine))
            .collect()
    }

    pub fn cpu(&mut self, machine: MachineId) -> &mut Cpu {
        &mut self.machines[machine as usize]
    }

    /// The CPU that an actor's process uses.
    pub fn of(&mut self, actor: ActorId) -> &mut Cpu {
        let home = self.homes[actor.0 as usize].expect("who works has a machine");
        &mut self.machines[home as usize]
    }

    pub fn run(&mut self, runnable: Runnable, work: Span, sliced: bool) -> Option<Slice> {
        self.of(runnable.actor).run(runnable, work, sliced)
    }
}
