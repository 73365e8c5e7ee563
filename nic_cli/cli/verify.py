"""`nic verify`: decodes to nowhere, checking container, payloads and symbols."""

from __future__ import annotations

from nic_cli.cli import options
from nic_cli.jobs import loop, outputs, settings
from nic_cli.jobs.model_cache import Models
from nic_cli.jobs.run_options import General
from nic_cli.jobs.verification import Verifier

EXAMPLES = (
    ("nic verify photo.nic", "says ok, and the checksum of the symbols"),
    ("nic verify -r packed/ --json", "one JSON object for each file of a folder"),
)


def verify(
    inputs: options.InputsOrList = None,
    recursive: options.Recursive = False,
    dry_run: options.DryRun = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = 0,
    color: options.Color = None,
    device: options.Device = None,
    threads: options.Threads = None,
    fail_fast: options.FailFast = False,
    manifest: options.Manifest = None,
    part: options.ShardOf = None,
    offline: options.Offline = False,
    force: options.VainForce = False,
    skip_existing: options.VainSkip = False,
    preserve: options.VainPreserve = False,
) -> int:
    """Check that .nic files are sound.

    Each is decoded to nowhere: the container, the payloads and the decoded symbols must fit their checksums.
    The checksum of the symbols that is shown is the same on every machine.
    """
    general = General(
        force, skip_existing, recursive, dry_run, preserve, fail_fast, quiet, bool(verbose), as_json
    ).over(manifest, part)
    chosen = settings.load(device=device, threads=threads, color=color, offline=offline or None)
    chosen.apply()
    jobs = outputs.plan_reading(inputs, general)
    console = general.console
    verifier = Verifier(general, console, Models(chosen, console), alone=len(jobs) == 1)
    show = console.say if dry_run else console.result
    return loop.run(jobs, verifier, console, show=show, failed=verifier.refused, fail_fast=fail_fast)
