"""`nic decode`: `.nic` files to pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from nic_cli.cli import declaring, options
from nic_cli.cli.declaring import COMMON, OUTPUT
from nic_cli.jobs import option_values, runner, settings
from nic_cli.jobs.decoding import OUTPUT_FORMATS, Decoder, suffix_of
from nic_cli.jobs.files import outputs, removal
from nic_cli.jobs.files.originals import ORIGINAL, renamed
from nic_cli.jobs.model_cache import Models
from nic_cli.zoo.find import find
from nic_cli.zoo.pins import is_address

EXAMPLES = (
    ("nic decode photo.nic", "writes photo.png"),
    ("nic decode photo.nic -o photo.jpg", "in the format that the name says"),
    ("nic decode -b 0 photo.nic -o faithful.png", "nothing invented, whatever the file asks for"),
    ("nic decode --crop 0,0,512,512 map.nic", "a part, at the price of a part"),
    ("nic decode -r packed/ -o album/ --format webp", "a folder with all below it"),
    ("nic decode - < photo.nic | magick png:- -resize 50% half.png", "through pipes"),
)


@dataclass(frozen=True, slots=True)
class Look:
    """How the pictures are to look."""

    realism: Annotated[
        float | None,
        declaring.value(
            "-b",
            "--realism",
            metavar="F",
            panel=COMMON,
            help="From 0 (most faithful) to 1 (most realistic). Default: what the file says.",
        ),
    ] = None
    format: Annotated[
        str | None,
        declaring.value(
            "--format",
            metavar="|".join((*OUTPUT_FORMATS, ORIGINAL)),
            panel=OUTPUT,
            help="Format of the pictures; original: that of what was encoded, and its name, or PNG of what "
            "we do not write. Default: that of the output's suffix, else png.",
        ),
    ] = None
    crop: Annotated[
        str | None,
        declaring.value(
            "--crop",
            metavar="X,Y,W,H",
            panel=OUTPUT,
            help="Only this part, in pixels of the whole; only what it needs is read and decoded.",
        ),
    ] = None
    scale: Annotated[
        str | None,
        declaring.value(
            "--scale",
            metavar="1/2|1/4|1/8",
            panel=OUTPUT,
            help="So much smaller along each side: every pixel is the mean of a square of pixels.",
        ),
    ] = None
    max_pixels: options.MaxPixels = None
    model: Annotated[
        str | None,
        declaring.model("Name or folder of the model that made the file, where it is not known here."),
    ] = None


@declaring.grouped
def decode(
    *,
    inputs: options.InputsOrList = None,
    output: options.Target = None,
    look: Look,
    files: options.Files,
    reporting: options.Reporting,
    machine: options.Machine,
    archiving: options.Archiving,
    batches: options.Batches,
    offline: options.Offline = False,
) -> int:
    """Decode .nic files to pictures.

    A picture comes back with its metadata, its alpha, its colour space and, where the format can, its
    bit depth.

    Without -o, the output lies beside the input, with its suffix swapped.
    """
    run_options = options.run_options(files, reporting, archiving, batches)
    chosen = settings.load(
        model=look.model,
        device=machine.device,
        threads=machine.threads,
        color=reporting.color,
        offline=offline or None,
    )
    b = None if look.realism is None else settings.checked("realism", look.realism, "--realism")
    wanted = option_values.output_format(look.format, (*OUTPUT_FORMATS, ORIGINAL))
    format = None if wanted == ORIGINAL else wanted
    view, most = option_values.view(look.crop, look.scale), option_values.pixel_limit(look.max_pixels)
    chosen.apply()
    if look.model is not None and not is_address(look.model):
        find(look.model)  # or files whose model is known would decode in spite of a wrong name
    jobs = outputs.plan_decoding(inputs, output, run_options, suffix_of(format))
    console = run_options.console
    if wanted == ORIGINAL:
        jobs = renamed(jobs, output, console)
    if run_options.remove:
        taken = {"--crop": look.crop is not None, "--scale": look.scale is not None}
        removal.check(jobs, [name for name, given in taken.items() if given])
    decoder = Decoder(
        b,
        format,
        run_options,
        console,
        Models(chosen, console),
        alone=len(jobs) == 1,
        view=view,
        most=most,
    )
    return runner.run_steps(jobs, decoder, console, run_options)
