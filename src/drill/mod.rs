//! Floor 6: one run, from scenario to outcome.

pub mod outcome;

mod build;

pub fn smoke(scenario: &crate::scenario::model::Scenario, observe: &mut impl crate::kernel::Observer<crate::actor::world::World>) -> (u64, u128) {
    let blueprint = std::sync::Arc::new(build::blueprint(scenario));
    let plan = build::plan(scenario, &blueprint);
    let mut sim = build::simulation(blueprint, &plan);
    sim.run_until(crate::kernel::Time(scenario.duration.0), observe).unwrap();
    (sim.events(), sim.digest())
}
