"""The rule of `file` for `.nic`: `python -m nic_cli.desktop.magic` prints what stands in nic.magic.

Width and height are varints of one to three bytes. Magic can neither shift nor add what it has read,
so those of two bytes, 128 to 16383, are a table by the upper byte.
"""

from __future__ import annotations

RULE = r"""
# The neural image codec nic; made by: python -m nic_cli.desktop.magic
0	string	\x89NIC\r\n\x1a\n	nic neural image
!:mime	image/x-nic
!:ext	nic
>8	ubyte	<0x20
>>9	ubyte	<0x80
>>>10	use	nic-width
>>9	ubyte	>0x7f
>>>10	ubyte	<0x80
>>>>11	use	nic-width
>>>10	ubyte	>0x7f
>>>>12	use	nic-width
>8	ubyte/16	x	\b, format %u
>8	ubyte&0x0f	x	\b.%u

0	name	nic-width
>0	ubyte	<0x80	\b, %u
>>1	use	nic-height
>0	ubyte	>0x7f
>>1	ubyte	<0x80	\b,
>>>0	use	nic-number
>>>2	use	nic-height
>>1	ubyte	>0x7f	\b, over 16383
>>>3	use	nic-height

0	name	nic-height
>0	ubyte	<0x80	x %u
>0	ubyte	>0x7f
>>1	ubyte	<0x80	x
>>>0	use	nic-number
>>1	ubyte	>0x7f	x over 16383

0	name	nic-number
"""


def rule() -> str:
    """The text of the rule: low + 128 high is what is left of the two bytes, 128 + low + 256 high."""
    table = (f">1\tubyte\t{high}\n>>0\tuleshort-{128 * (high + 1)}\tx\t%u\n" for high in range(1, 128))
    return RULE.lstrip() + "".join(table)


if __name__ == "__main__":
    print(rule(), end="")
