#!/usr/bin/env bash
# A sweep as a Slurm job array: each task computes one shard, a last job puts them together.
#
#   docs/recipes/slurm-sweep.sh drill.yaml 8 --seeds 4000 --vary model=story,flink-default
#
# Run it where you would run sbatch, in a folder that all nodes see. A shard that is requeued goes on where its
# journal ends. Needs firedrill in PATH (or FIREDRILL), and sbatch.
set -euo pipefail

scenario=$1 shards=$2
shift 2
firedrill=${FIREDRILL:-firedrill}
home=${OUT:-sweep-$(date +%Y%m%d-%H%M%S)}
mkdir -p "$home"

# Quoted, so that settings with spaces arrive as they are.
arguments=$(printf '%q ' "$scenario" "$@")

array=$(sbatch --parsable --requeue --job-name=firedrill --array="1-$shards" --cpus-per-task="${CPUS:-1}" \
    --output="$home/log-%a.txt" --open-mode=append --wrap "
$firedrill sweep $arguments --shard \$SLURM_ARRAY_TASK_ID/$shards --out $(printf '%q' "$home")/shard-\$SLURM_ARRAY_TASK_ID \
    --jobs \${SLURM_CPUS_PER_TASK:-1} --resume --quiet || case \$? in 1|3|4) exit 0 ;; *) exit 1 ;; esac")

# Findings (1, 3, 4) are results and not failures of a shard: the merge gives them again.
merge=$(sbatch --parsable --job-name=firedrill-merge --dependency="afterok:$array" --output="$home/log-merge.txt" --wrap "
exec $firedrill sweep merge $(printf '%q' "$home")/shard-* --out $(printf '%q' "$home")/whole")
printf 'shards: job %s; merge: job %s; the whole will be in %s/whole\n' "$array" "$merge" "$home"
