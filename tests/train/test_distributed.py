"""Two processes train one model: other crops, one gradient, the same weights, one set of files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image
from safetensors.torch import load_file

from .test_training import TINY

WORKER = """
import sys
from pathlib import Path
import torch
from safetensors.torch import save_file
from nic_cli.train.loop import Loop
from nic_cli.train.recipe import Recipe
from nic_cli.train.task import Task

torch.set_num_threads(1)
work = Path(sys.argv[1])
task = Task(Recipe.read(work / "recipe.toml"))
task.setup("cpu", {})
drawn = task.pool.crops(1, 64, task.random).float().mean()
Loop(task, work / "run", lambda line: None).run()
weights = {name: p.detach().clone() for name, p in task.network.named_parameters()}
save_file({**weights, "drawn": drawn}, work / f"rank{task.team.rank}.safetensors")
"""

# Both draw one b: critics that only one of them hears would average gradients with nobody.
REALISMS = """
[[phase]]
steps = 4
realism = [0.0, 1.0]
[phase.adversarial]
critics = ["grain"]
share = [0.0, 0.0, 0.5]
alone = 0
"""


def test_two_processes_make_the_same_steps(tmp_path, photographs):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name, pixels in photographs.items():
        Image.fromarray(pixels).save(folder / f"{name}.png")
    text = TINY.replace("copies = 1", f'copies = 1\npaths = ["{folder}"]') + REALISMS
    (tmp_path / "recipe.toml").write_text(text)
    (tmp_path / "worker.py").write_text(WORKER)
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run(
        [*launcher, tmp_path / "worker.py", tmp_path],
        capture_output=True,
        timeout=240,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    one, two = (load_file(tmp_path / f"rank{rank}.safetensors") for rank in (0, 1))
    assert float(one.pop("drawn")) != float(two.pop("drawn"))
    assert all(np.array_equal(one[name], two[name]) for name in one)
    events = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert [e["step"] for e in events if e["event"] == "train"] == [1, 2, 3, 4]
