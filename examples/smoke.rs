use firedrill::actor::{fact::Fact, world::World};
use firedrill::kernel::{Header, Observer};
struct P(std::collections::BTreeMap<String, u64>);
impl Observer<World> for P {
    fn message(&mut self, _h: &Header, m: &firedrill::actor::message::Envelope) {
        let s = format!("{:?}", m.body); let k = s.split([' ', '(', '{']).next().unwrap().to_string();
        *self.0.entry(k).or_default() += 1;
    }
    fn fact(&mut self, h: &Header, f: &Fact) {
        let s = format!("{f:?}"); let k = s.split([' ', '(', '{']).next().unwrap().to_string();
        *self.0.entry(format!("F {k}")).or_default() += 1;
        match f {
            Fact::Appended{..}|Fact::SourceEmitted{..}|Fact::SinkWritten{..}|Fact::TaskMeasured{..}|Fact::MachineMeasured{..}|Fact::CheckpointAcknowledged{..}|Fact::TaskSnapshot{..} => {}
            Fact::TransactionCommitted{sink, checkpoint, batches} => println!("{} a{} commit {sink} {checkpoint} {}", h.time, h.actor.0, batches.records()),
            f => println!("{} #{} a{} {}", h.time, h.event.0, h.actor.0, format!("{f:?}").chars().take(200).collect::<String>()),
        }
    }
}
fn main() {
    let file = std::env::args().nth(1).unwrap();
    let loaded = firedrill::scenario::load(std::fs::read(&file).unwrap(), &file, &[]).map_err(|e| e.to_string()).unwrap();
    let t = std::time::Instant::now();
    if std::env::args().nth(2).is_some() {
        println!("{:?} {:?}", firedrill::drill::smoke(&loaded.scenario, &mut ()), t.elapsed());
    } else {
        let mut p = P(Default::default());
        println!("{:?} {:?}", firedrill::drill::smoke(&loaded.scenario, &mut p), t.elapsed());
        for (k, v) in p.0 { println!("{v:9} {k}"); }
    }
}
