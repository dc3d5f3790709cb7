"""Handing numbers to shaders."""

from __future__ import annotations

from typing import Any

import moderngl
import numpy as np
import numpy.typing as npt

from synthetic.materials import Material


def padding(part: str) -> str:
    return f"{int(part[:-1]) * 4}x"


def set_uniform(program: moderngl.Program, name: str, value: Any) -> None:
    """Set a uniform; the compiler drops those that a shader does not use."""
    if name not in program:
        return
    if isinstance(value, np.ndarray):
        program[name].write(np.ascontiguousarray(value, np.float32).tobytes())  # type: ignore[union-attr]
    else:
        program[name].value = value  # type: ignore[union-attr]


def set_matrix(program: moderngl.Program, name: str, matrix: npt.NDArray[np.float64]) -> None:
    if name in program:
        program[name].write(_columns(matrix))  # type: ignore[union-attr]


def _columns(matrix: npt.NDArray[np.float64]) -> bytes:
    return np.ascontiguousarray(matrix.T, np.float32).tobytes()


def set_material(program: moderngl.Program, material: Material, on_set: bool) -> None:
    set_uniform(program, "u_base", material.base)
    set_uniform(program, "u_base2", material.base2)
    set_uniform(program, "u_pattern", material.pattern)
    set_uniform(program, "u_pattern_scale", material.pattern_scale)
    set_uniform(program, "u_roughness", material.roughness)
    set_uniform(program, "u_metallic", material.metallic)
    set_uniform(program, "u_glow", material.glow)
    mode = 0 if material.texture is None else (2 if on_set else 1)
    set_uniform(program, "u_texture_mode", mode)
    set_uniform(program, "u_texture_scale", material.texture_scale)
    turn = material.texture_turn
    set_uniform(program, "u_texture_turn", (float(np.cos(turn)), float(np.sin(turn))))
