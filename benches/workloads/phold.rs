//! PHOLD: a constant population of events hops between entities at exponential times. It loads
//! the event list and little else.

use firedrill::kernel::{ActorId, Kernel, Observer, Simulation, Span, Time, World};

use super::spec::{Draws, Outcome, SECOND_NS, Watch, fold, mix, timed};

#[repr(align(64))]
struct Entity {
    draws: Draws,
    count: u64,
    accumulated: u64,
}

pub struct Phold {
    entities: Vec<Entity>,
}

impl World for Phold {
    type Message = ();
    type Timer = ();
    type Fact = ();

    #[inline]
    fn on_message(&mut self, to: ActorId, (): (), kernel: &mut Kernel<Self>) {
        let n = self.entities.len() as u64;
        let entity = &mut self.entities[to.0 as usize];
        entity.count += 1;
        entity.accumulated = mix(entity.accumulated, kernel.now().0);
        let next = ActorId(entity.draws.below(n) as u32);
        let delay = Span(entity.draws.exponential_ns(SECOND_NS as f64));
        kernel.schedule(kernel.now() + delay, next, ());
    }

    fn on_timer(&mut self, _: ActorId, (): (), _: &mut Kernel<Self>) {}

    fn name(&self, actor: ActorId) -> String {
        format!("entity {}", actor.0)
    }

    #[inline]
    fn touch(&self, to: ActorId, (): &()) -> u64 {
        self.entities[to.0 as usize].count
    }
}

/// `n` entities, `k` events each, about `m` events in all.
pub fn run<O: Observer<Phold>>(n: u64, k: u64, m: u64, seed: u64, watch: Watch<'_, O>) -> Outcome {
    let entity = |id| Entity {
        draws: Draws::new(seed, id),
        count: 0,
        accumulated: id,
    };
    let mut simulation = Simulation::new(Phold {
        entities: (0..n).map(entity).collect(),
    });
    simulation.setup(|world, kernel| {
        for (id, entity) in world.entities.iter_mut().enumerate() {
            for _ in 0..k {
                let at = Time(entity.draws.exponential_ns(SECOND_NS as f64));
                kernel.schedule(at, ActorId(id as u32), ());
            }
        }
    });
    let end = Time((u128::from(m) * u128::from(SECOND_NS) / u128::from(n * k)) as u64);
    let wall_s = timed(&mut simulation, end, watch);
    assert_eq!(
        simulation.pending() as u64,
        n * k,
        "the population is constant"
    );
    let entities = &simulation.world().entities;
    let checksum = entities
        .iter()
        .map(|entity| fold(entity.accumulated, entity.count));
    Outcome {
        events: simulation.events(),
        checksum: checksum.fold(0, u64::wrapping_add),
        wall_s,
        digest: simulation.digest(),
    }
}
