"""`nic verify`: decodes to nowhere, checking container, payloads and symbols."""

from __future__ import annotations

from nic_cli.cli import declaring, options
from nic_cli.jobs import runner, settings
from nic_cli.jobs.files import outputs
from nic_cli.jobs.model_cache import Models
from nic_cli.jobs.verification import Verifier

EXAMPLES = (
    ("nic verify photo.nic", "says ok, and the checksum of the symbols"),
    ("nic verify -r packed/ --json", "one JSON object for each file of a folder"),
)


@declaring.grouped
def verify(
    *,
    inputs: options.InputsOrList = None,
    reading: options.Reading,
    reporting: options.Reporting,
    machine: options.Machine,
    batches: options.Batches,
    offline: options.Offline = False,
    vain: options.Vain,
) -> int:
    """Check that .nic files are sound.

    Each is decoded to nowhere: the container, the payloads and the decoded symbols must fit their checksums.
    The checksum of the symbols that is shown is the same on every machine.
    """
    run_options = options.run_options(reading, reporting, batches, vain)
    chosen = settings.load(
        device=machine.device, threads=machine.threads, color=reporting.color, offline=offline or None
    )
    chosen.apply()
    jobs = outputs.plan_reading(inputs, run_options)
    console = run_options.console
    verifier = Verifier(run_options, console, Models(chosen, console), alone=len(jobs) == 1)
    show = console.say if run_options.dry_run else console.result
    fail_fast = run_options.fail_fast
    return runner.run(jobs, verifier, console, show=show, failed=verifier.refused, fail_fast=fail_fast)
