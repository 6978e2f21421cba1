#!/bin/sh
# Runs the recipes of docs/recipes for real: the Slurm job array on a cluster of this one machine, and the Kubernetes Job's
# own command, pod by pod, after its file was held against the schema of batch/v1.
# usage: tests/recipes.sh
# Installs what it needs: Debian's slurmctld, slurmd, slurm-client and munge; kubernetes-validate from PyPI in a folder of its own.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/.." && pwd)
work=$(mktemp -d)
pids=
finish() {
    for pid in $pids; do kill "$pid" 2>/dev/null || true; done
    wait
    rm -rf "$work"
}
trap finish EXIT

firedrill=${FIREDRILL:-$root/target/debug/firedrill}
[ -x "$firedrill" ] || (cd "$root" && cargo build)
vary=execution.checkpointing.interval='3 s,6 s'
cp "$root/tests/data/small.yaml" "$work/drill.yaml"
"$firedrill" sweep "$work/drill.yaml" --seeds 6 --vary "$vary" --out "$work/one" --quiet

# --- Kubernetes: the file is a Job, and its pods' commands do what the file says.
command -v python3 >/dev/null || { apt-get update -q && apt-get install -y -q python3; }
python3 -m venv "$work/venv" 2>/dev/null || { apt-get update -q && apt-get install -y -q python3-venv && python3 -m venv "$work/venv"; }
"$work/venv/bin/pip" install --quiet kubernetes-validate
"$work/venv/bin/kubernetes-validate" --strict "$root/docs/recipes/kubernetes-sweep.yaml"
"$work/venv/bin/python" - "$root/docs/recipes/kubernetes-sweep.yaml" "$work" "$firedrill" "$vary" <<'PYTHON'
import os, subprocess, sys, yaml
recipe, work, firedrill, vary = sys.argv[1:]
job = yaml.safe_load(open(recipe))["spec"]
container = job["template"]["spec"]["containers"][0]
shards = {entry["name"]: entry["value"] for entry in container["env"]}["SHARDS"]
assert job["completionMode"] == "Indexed" and job["completions"] == int(shards), "the shards are the completions"
assert {mount["mountPath"] for mount in container["volumeMounts"]} == {"/scenario", "/work"}
script = container["args"][0]
# The same words, on this machine's folders, with a small sweep in place of the large one.
script = script.replace("/scenario/", work + "/").replace("/work/", work + "/k8s/")
script = script.replace("--seeds 4000 --vary model=story,flink-default", f"--seeds 6 --vary '{vary}'")
os.mkdir(work + "/k8s")
os.mkdir(work + "/bin")
os.symlink(firedrill, work + "/bin/firedrill")
for index in range(int(shards)):
    environment = dict(os.environ, SHARDS=shards, JOB_COMPLETION_INDEX=str(index), PATH=work + "/bin:" + os.environ["PATH"])
    subprocess.run([*container["command"], script], env=environment, check=True)
PYTHON
"$firedrill" sweep merge "$work"/k8s/shard-* --out "$work/k8s/whole" --quiet
diff -r "$work/one" "$work/k8s/whole"
echo "Kubernetes: the Job is valid, and its shards are the whole"

# --- Slurm: a controller and one node, both this machine.
for daemon in munged slurmctld slurmd; do
    command -v "$daemon" >/dev/null || PATH=$PATH:/usr/sbin command -v "$daemon" >/dev/null ||
        { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q munge slurmctld slurmd slurm-client; break; }
done
PATH=$PATH:/usr/sbin
slurm=$work/slurm
mkdir -p "$slurm/state" "$slurm/spool" "$slurm/munge"
chmod 755 "$work" "$slurm"
chmod 700 "$slurm/munge"
dd if=/dev/urandom of="$slurm/munge/key" bs=1024 count=1 2>/dev/null
chmod 400 "$slurm/munge/key"
munged --foreground --force --key-file="$slurm/munge/key" --socket="$slurm/munge/socket" --pid-file="$slurm/munge/pid" \
    --log-file="$slurm/munge/log" --seed-file="$slurm/munge/seed" 2> "$slurm/munged.log" &
pids="$pids $!"
cat > "$slurm/slurm.conf" <<CONF
ClusterName=drill
SlurmctldHost=$(hostname -s)(127.0.0.1)
SlurmctldPort=16817
SlurmdPort=16818
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=$slurm/munge/socket
CryptoType=crypto/munge
StateSaveLocation=$slurm/state
SlurmdSpoolDir=$slurm/spool
SlurmctldPidFile=$slurm/slurmctld.pid
SlurmdPidFile=$slurm/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=sched_interval=2,batch_sched_delay=1
ReturnToService=2
MpiDefault=none
NodeName=$(hostname -s) NodeAddr=127.0.0.1 CPUs=2 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
CONF
export SLURM_CONF="$slurm/slurm.conf"
sleep 1
slurmctld -D > "$slurm/slurmctld.log" 2>&1 &
pids="$pids $!"
slurmd -D > "$slurm/slurmd.log" 2>&1 &
pids="$pids $!"
ready() { sinfo -h -o %t 2>/dev/null | grep -q idle; }
tries=0
until ready; do
    tries=$((tries + 1))
    [ $tries -lt 60 ] || { cat "$slurm"/*.log; exit 1; }
    sleep 1
done
cd "$work"
FIREDRILL=$firedrill OUT=$work/array "$root/docs/recipes/slurm-sweep.sh" drill.yaml 3 --seeds 6 --vary "$vary"
tries=0
while [ -n "$(squeue -h 2>/dev/null)" ]; do
    tries=$((tries + 1))
    [ $tries -lt 180 ] || { squeue; cat "$slurm"/*.log "$work"/array/log-*; exit 1; }
    sleep 1
done
diff -r "$work/one" "$work/array/whole" || { cat "$work"/array/log-* "$slurm"/*.log; exit 1; }
echo "Slurm: the array's shards are the whole"
