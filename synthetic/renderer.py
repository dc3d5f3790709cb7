"""Scenes to pictures and labels with OpenGL, without a screen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import cv2
import moderngl
import numpy as np
import numpy.typing as npt

from synthetic import sensor, shaders, shadows
from synthetic.assets import Assets
from synthetic.camera import Camera
from synthetic.develop import develop, metered, paper_white, white_balance
from synthetic.errors import RendererUnavailable
from synthetic.sample import Array8, Sample
from synthetic.scene import Item, Sampler, Scene, sample_scene
from synthetic.uniforms import padding, set_material, set_matrix, set_uniform

Floats = npt.NDArray[np.float32]
_SRGB8_ALPHA8 = 0x8C43
_SHADOW_SIZE = 1024
_SURFACE_SIZE = 640
_LAYOUT = "3f 3f 2f 3f"
# Untyped, because moderngl's stub takes the backend's name for a dict of settings.
_BACKEND: dict[str, Any] = {"backend": "egl"}
_ATTRIBUTES = ("in_position", "in_normal", "in_uv", "in_anchor")


@dataclass(slots=True)
class _Targets:
    """Framebuffers of one picture size, kept from scene to scene."""

    colour: moderngl.Framebuffer
    resolved: moderngl.Framebuffer
    picture: moderngl.Texture
    label: moderngl.Framebuffer
    label_resolved: moderngl.Framebuffer
    mirror: moderngl.Framebuffer
    mirror_texture: moderngl.Texture


@dataclass(slots=True)
class _Draw:
    """An item on the graphics card."""

    item: Item
    buffer: moderngl.Buffer
    index: moderngl.Buffer
    texture: moderngl.Texture | None
    ink: moderngl.Texture | None


class Renderer:
    """Draws scenes from seeds. One OpenGL context; make one for each process.

    sampler: what a seed shows. Raises RendererUnavailable where no driver renders without a screen.
    """

    def __init__(self, assets: Assets | None = None, sampler: Sampler = sample_scene) -> None:
        self._sampler = sampler
        self.assets = assets or Assets()
        try:
            self._ctx = moderngl.create_context(standalone=True, require=330, **_BACKEND)
        except Exception as error:  # moderngl raises bare exceptions of several kinds
            raise RendererUnavailable(str(error)) from error
        ctx = self._ctx
        program = ctx.program
        self._opaque = program(shaders.VERTEX, fragment_shader=shaders.FRAGMENT_OPAQUE)
        self._clear = program(shaders.VERTEX, fragment_shader=shaders.FRAGMENT_CLEAR)
        self._depth = program(shaders.VERTEX, fragment_shader=shaders.FRAGMENT_DEPTH)
        self._height = program(shaders.VERTEX, fragment_shader=shaders.FRAGMENT_HEIGHT)
        self._label = program(shaders.VERTEX, fragment_shader=shaders.FRAGMENT_LABEL)
        self._sky = program(shaders.BACKGROUND_VERTEX, fragment_shader=shaders.FRAGMENT_BACKGROUND)
        corners = np.array([[-1, -1], [3, -1], [-1, 3]], np.float32)
        self._sky_array = ctx.vertex_array(self._sky, ctx.buffer(corners), "in_corner")
        self._environment = ctx.texture_array((256, 128, 5), 3, dtype="f2")
        self._environment.filter = (moderngl.LINEAR, moderngl.LINEAR)
        self._environment.repeat_y = False
        self._shadow_map = ctx.depth_texture((_SHADOW_SIZE, _SHADOW_SIZE))
        self._shadow_map.compare_func = "<="
        self._shadow_map.repeat_x = self._shadow_map.repeat_y = False
        self._shadow = ctx.framebuffer(depth_attachment=self._shadow_map)
        self._height_target = ctx.framebuffer(
            [ctx.texture((_SURFACE_SIZE, _SURFACE_SIZE), 4, dtype="f4")],
            ctx.depth_renderbuffer((_SURFACE_SIZE, _SURFACE_SIZE)),
        )
        self._surface = ctx.texture((_SURFACE_SIZE, _SURFACE_SIZE), 2, dtype="f2")
        self._surface.repeat_x = self._surface.repeat_y = False
        self._gobo = ctx.texture((128, 128), 3)
        self._blank = ctx.texture((1, 1), 4, data=b"\x00\x00\x00\x00")
        self._targets: dict[tuple[int, int], _Targets] = {}

    def render(
        self,
        seed: int,
        size: tuple[int, int] = (768, 768),
        glasses: bool | None = None,
        pairs: int | None = None,
        cutout: bool = True,
    ) -> Sample:
        """The scene of a seed; the same arguments give the same sample.

        size: (height, width) in pixels. glasses: True or False forces or forbids them; pairs:
        how many. Both default to what the seed draws. cutout: False saves a fifth of the time and
        leaves `Sample.cutout` transparent.
        """
        scene = self._sampler(seed, self.assets, size, with_glasses=glasses, pairs=pairs)
        return self.draw(scene, cutout=cutout)

    def draw(self, scene: Scene, *, cutout: bool = True) -> Sample:
        """Render a scene: the picture, its coverage maps and the colour freed of the background."""
        targets = self._targets_for(scene.camera.size)
        draws = [self._upload(item) for item in scene.items]
        try:
            self._prepare_light(scene, draws)
            picture = self._picture(scene, draws, targets)
            scene = replace(scene, exposure=metered(scene, picture))
            rng = np.random.default_rng([scene.seed, 1])
            curve = str(rng.choice(sensor.CURVES, p=sensor.CURVE_SHARES))
            gains = white_balance(rng)
            worn = [d for d in draws if d.item.pair >= 0 and cutout]
            white = paper_white(curve, scene.exposure, gains)
            clean = self._glasses_on_white(scene, worn, targets, white) if worn else None
            maps = self._coverage(scene, draws, targets)
        finally:
            for draw in draws:
                for resource in (draw.buffer, draw.index, draw.texture, draw.ink):
                    if resource is not None:
                        resource.release()
        return develop(scene, picture, clean, white, maps, rng, curve, gains)

    def _targets_for(self, size: tuple[int, int]) -> _Targets:
        if size not in self._targets:
            ctx, (height, width) = self._ctx, size
            flat = (width, height)
            picture = ctx.texture(flat, 4, dtype="f2")
            picture.repeat_x = picture.repeat_y = False
            half = (max(1, width // 2), max(1, height // 2))
            mirror = ctx.texture(half, 4, dtype="f2")
            mirror.repeat_x = mirror.repeat_y = False
            self._targets[size] = _Targets(
                ctx.framebuffer(
                    [ctx.renderbuffer(flat, 4, samples=4, dtype="f2")],
                    ctx.depth_renderbuffer(flat, samples=4),
                ),
                ctx.framebuffer([picture]),
                picture,
                ctx.framebuffer(
                    [ctx.renderbuffer(flat, 4, samples=4)], ctx.depth_renderbuffer(flat, samples=4)
                ),
                ctx.framebuffer([ctx.renderbuffer(flat, 4)]),
                ctx.framebuffer([mirror], ctx.depth_renderbuffer(half)),
                mirror,
            )
        return self._targets[size]

    def _upload(self, item: Item) -> _Draw:
        mesh, ctx = item.mesh, self._ctx
        rows = np.concatenate([mesh.positions, mesh.normals, mesh.uvs, mesh.anchors], axis=1)
        material = item.material
        return _Draw(
            item,
            ctx.buffer(np.ascontiguousarray(rows, np.float32)),
            ctx.buffer(np.ascontiguousarray(mesh.triangles, np.uint32)),
            self._texture(material.texture, material.anisotropy),
            self._texture(material.print, material.anisotropy),
        )

    def _texture(self, pixels: Array8 | None, anisotropy: float) -> moderngl.Texture | None:
        if pixels is None:
            return None
        if pixels.shape[2] == 3:
            pixels = np.dstack([pixels, np.full(pixels.shape[:2], 255, np.uint8)])
        texture = self._ctx.texture(
            (pixels.shape[1], pixels.shape[0]),
            4,
            data=np.ascontiguousarray(pixels),
            internal_format=_SRGB8_ALPHA8,
        )
        texture.build_mipmaps()
        texture.filter = (moderngl.LINEAR_MIPMAP_LINEAR, moderngl.LINEAR)
        texture.anisotropy = anisotropy
        return texture

    def _run(self, program: moderngl.Program, draw: _Draw) -> None:
        used = [name for name in _ATTRIBUTES if name in program]
        layout = " ".join(
            part if name in program else padding(part)
            for name, part in zip(_ATTRIBUTES, _LAYOUT.split(), strict=True)
        )
        array = self._ctx.vertex_array(program, [(draw.buffer, layout, *used)], draw.index)
        array.render()
        array.release()

    def _prepare_light(self, scene: Scene, draws: list[_Draw]) -> None:
        light = scene.light
        levels = [
            cv2.resize(level, (256, 128), interpolation=cv2.INTER_LINEAR) for level in light.levels
        ]
        self._environment.write(np.minimum(np.stack(levels), 6e4).astype(np.float16).tobytes())
        if light.gobo is not None:
            self._gobo.write(light.gobo.tobytes())
        casters = [d for d in draws if not d.item.surface and d.item.mesh.positions[:, 1].max() > 0]
        for program in (self._opaque, self._clear):
            self._set_light(program, scene)
        self._draw_shadow_map(scene, casters)
        self._draw_surface_shadow(scene, casters)

    def _set_light(self, program: moderngl.Program, scene: Scene) -> None:
        light = scene.light
        set_uniform(program, "u_eye", scene.camera.eye)
        set_uniform(program, "u_forward", scene.camera.forward)
        set_uniform(program, "u_sh", light.irradiance)
        set_uniform(program, "u_below", scene.below)
        set_uniform(program, "u_key_direction", light.key_direction)
        set_uniform(program, "u_key_colour", light.key_colour)
        set_uniform(program, "u_gobo_scale", light.gobo_scale if light.gobo is not None else 0.0)
        for unit, name in enumerate(
            ("u_environment", "u_shadow", "u_surface_shadow", "u_gobo", "u_texture")
        ):
            set_uniform(program, name, unit)
        set_uniform(program, "u_mirror", 5)
        set_uniform(program, "u_behind", 5)
        set_uniform(program, "u_print", 6)
        set_uniform(program, "u_store_depth", 1)

    def _draw_shadow_map(self, scene: Scene, casters: list[_Draw]) -> None:
        reach = 260.0
        direction = scene.light.key_direction.astype(np.float64)
        side = np.cross(direction, [0.3, 0.1, 0.9])
        side /= np.linalg.norm(side)
        up = np.cross(side, direction)
        matrix = np.eye(4)
        matrix[:3, :3] = np.stack([side / reach, up / reach, -direction / (2 * reach)])
        matrix[:3, 3] = -matrix[:3, :3] @ [0, 30.0, 0]
        self._shadow.use()
        self._shadow.clear(depth=1.0)
        # Far sides alone: what faces the light then never lies in its own shadow by rounding.
        self._ctx.enable_only(moderngl.DEPTH_TEST | moderngl.CULL_FACE)
        self._ctx.cull_face = "front"
        set_matrix(self._depth, "u_camera", matrix)
        for draw in casters:
            if not draw.item.is_lens and draw.item.material.density > 0.5:
                self._run(self._depth, draw)
        for program in (self._opaque, self._clear):
            set_matrix(program, "u_shadow_matrix", matrix)

    def _draw_surface_shadow(self, scene: Scene, casters: list[_Draw]) -> None:
        """Shadow and occlusion of the level surface, from two maps of heights."""
        plans = [d.item.mesh.positions[:, [0, 2]] for d in casters]
        reach = 60.0
        if plans:
            reach = float(np.clip(np.abs(np.concatenate(plans)).max() * 1.25, 60, 380))
        area = (-reach, -reach, 2 * reach, 2 * reach)
        mm_per_texel = 2 * reach / _SURFACE_SIZE
        key = scene.light.key_direction
        slope = (key[0] / max(key[1], 0.15), key[2] / max(key[1], 0.15))
        lit = shadows.key_shadow(
            *self._heights(casters, slope, reach), scene.light.softness, mm_per_texel
        )
        sky = shadows.occlusion(*self._heights(casters, (0.0, 0.0), reach), mm_per_texel)
        self._surface.write(np.dstack([lit, sky]).astype(np.float16).tobytes())
        set_uniform(self._opaque, "u_surface_area", area)

    def _heights(
        self, casters: list[_Draw], slope: tuple[float, float], reach: float
    ) -> tuple[Floats, Floats]:
        matrix = np.array(
            [
                [1 / reach, -slope[0] / reach, 0, 0],
                [0, -slope[1] / reach, 1 / reach, 0],
                [0, 1 / 600, 0, -0.5],
                [0, 0, 0, 1],
            ]
        )
        self._height_target.use()
        self._height_target.clear(0.0, 0.0, 0.0, 0.0, depth=1.0)
        self._ctx.enable_only(moderngl.DEPTH_TEST)
        set_matrix(self._height, "u_camera", matrix)
        for draw in casters:
            set_uniform(self._height, "u_density", draw.item.material.density)
            self._run(self._height, draw)
        read = np.frombuffer(self._height_target.read(components=2, dtype="f4"), np.float32)
        heights = read.reshape(_SURFACE_SIZE, _SURFACE_SIZE, 2)
        return heights[..., 0], heights[..., 1]

    def _picture(self, scene: Scene, draws: list[_Draw], targets: _Targets) -> Floats:
        """The whole scene: linear RGB and distance, float32 (H, W, 4)."""
        if scene.reflection > 0:
            self._draw_mirror(scene, draws, targets)
        targets.colour.use()
        targets.colour.clear(0.0, 0.0, 0.0, 5000.0, depth=1.0)
        self._ctx.enable_only(moderngl.NOTHING)
        set_matrix(self._sky, "u_inverse", np.linalg.inv(scene.camera.matrix).astype(np.float64))
        set_uniform(self._sky, "u_eye", scene.camera.eye)
        set_uniform(self._sky, "u_level", scene.background_level)
        self._environment.use(0)
        self._sky_array.render()
        self._draw_all(scene, draws, targets)
        return _read(targets.resolved, scene.camera.size)

    def _draw_mirror(self, scene: Scene, draws: list[_Draw], targets: _Targets) -> None:
        """What the glossy surface mirrors: everything above it, seen from below."""
        flip: npt.NDArray[np.float64] = np.diag([1.0, -1.0, 1.0, 1.0]).astype(np.float64)
        targets.mirror.use()
        targets.mirror.clear(0.0, 0.0, 0.0, 0.0, depth=1.0)
        self._ctx.enable_only(moderngl.DEPTH_TEST)
        set_uniform(self._opaque, "u_eye", scene.camera.eye * [1, -1, 1])
        set_uniform(self._opaque, "u_store_depth", 0)
        set_uniform(self._opaque, "u_reflection", 0.0)
        set_matrix(self._opaque, "u_camera", scene.camera.matrix @ flip)
        for draw in draws:
            standing = draw.item.mesh.positions[:, 1].min() > -1.0 and not draw.item.surface
            if standing and not draw.item.is_lens:
                self._draw_opaque(draw)
        targets.mirror_texture.build_mipmaps()
        targets.mirror_texture.filter = (moderngl.LINEAR_MIPMAP_LINEAR, moderngl.LINEAR)
        set_uniform(self._opaque, "u_eye", scene.camera.eye)
        set_uniform(self._opaque, "u_store_depth", 1)

    def _draw_all(self, scene: Scene, draws: Sequence[_Draw], targets: _Targets) -> None:
        """Opaque items, then clear ones from far to near, each seeing what is behind it."""
        ctx, camera = self._ctx, scene.camera
        height, width = camera.size
        ctx.enable_only(moderngl.DEPTH_TEST)
        for program in (self._opaque, self._clear):
            set_matrix(program, "u_camera", camera.matrix)
            set_uniform(program, "u_viewport", (float(width), float(height)))
        set_uniform(self._opaque, "u_reflection", scene.reflection)
        targets.mirror_texture.use(5)
        for draw in draws:
            if not draw.item.material.clear:
                self._draw_opaque(draw)
        clear = [d for d in draws if d.item.material.clear]
        for draw in sorted(clear, key=lambda d: -_distance(d.item, camera.eye)):
            # Only the part of the picture that the item covers is resolved: it is the dear step.
            targets.colour.scissor = _extent(draw.item, camera)
            targets.colour.use()
            ctx.copy_framebuffer(targets.resolved, targets.colour)
            targets.colour.use()
            targets.picture.use(5)
            self._draw_clear(draw)
        targets.colour.scissor = (0, 0, width, height)
        targets.colour.use()
        ctx.copy_framebuffer(targets.resolved, targets.colour)

    def _bind(self, draw: _Draw) -> None:
        self._environment.use(0)
        self._shadow_map.use(1)
        self._surface.use(2)
        self._gobo.use(3)
        (draw.texture or self._blank).use(4)

    def _draw_opaque(self, draw: _Draw) -> None:
        self._bind(draw)
        set_material(self._opaque, draw.item.material, draw.item.surface)
        set_uniform(self._opaque, "u_is_surface", int(draw.item.surface))
        self._run(self._opaque, draw)

    def _draw_clear(self, draw: _Draw) -> None:
        self._bind(draw)
        (draw.ink or self._blank).use(6)
        material, program = draw.item.material, self._clear
        set_material(program, material, draw.item.surface)
        set_uniform(program, "u_tint", material.tint)
        set_uniform(program, "u_tint2", material.tint2)
        set_uniform(program, "u_mirror_colour", material.mirror)
        set_uniform(program, "u_haze", material.haze)
        set_uniform(program, "u_bend", material.bend)
        set_uniform(program, "u_is_lens", int(draw.item.is_lens))
        self._run(program, draw)

    def _glasses_on_white(
        self, scene: Scene, worn: list[_Draw], targets: _Targets, white: float
    ) -> Floats:
        """The glasses alone over white, linear, float32 (H, W, 4)."""
        targets.colour.use()
        targets.colour.clear(white, white, white, 5000.0, depth=1.0)
        self._draw_all(scene, worn, targets)
        return _read(targets.resolved, scene.camera.size)

    def _coverage(self, scene: Scene, draws: list[_Draw], targets: _Targets) -> list[Floats]:
        """Visible frame, first and second lens of each pair, float32 (H, W, 3) in 0..1."""
        count = 1 + max((d.item.pair for d in draws), default=-1)
        self._ctx.enable_only(moderngl.DEPTH_TEST)
        set_matrix(self._label, "u_camera", scene.camera.matrix)
        maps: list[Floats] = []
        for pair in range(count):
            targets.label.use()
            targets.label.clear(0.0, 0.0, 0.0, 0.0, depth=1.0)
            for draw in draws:
                label = [0.0, 0.0, 0.0, 1.0]
                if draw.item.pair == pair:
                    label[draw.item.lens] = 1.0
                set_uniform(self._label, "u_label", tuple(label))
                self._run(self._label, draw)
            self._ctx.copy_framebuffer(targets.label_resolved, targets.label)
            raw = np.frombuffer(targets.label_resolved.read(components=3), np.uint8)
            height, width = scene.camera.size
            maps.append(
                np.flipud(raw.reshape(height, width, 3)).astype(np.float32) / np.float32(255)
            )
        return maps


def _extent(item: Item, camera: Camera) -> tuple[int, int, int, int]:
    """The item's rectangle in the picture (x, y, width, height), y up, with room for refraction."""
    height, width = camera.size
    pixels = camera.project(item.mesh.positions.astype(np.float64))
    room = 8 + abs(item.material.bend) * max(camera.size)
    low = np.clip(pixels.min(0) - room, 0, [width, height])
    high = np.clip(pixels.max(0) + room, 0, [width, height])
    x, y = int(low[0]), int(height - high[1])
    return x, y, max(1, int(high[0]) - x), max(1, int(height - low[1]) - y)


def _distance(item: Item, eye: npt.NDArray[np.float64]) -> float:
    return float(np.linalg.norm(item.mesh.positions.mean(axis=0) - eye))


def _read(source: moderngl.Framebuffer, size: tuple[int, int]) -> Floats:
    raw = np.frombuffer(source.read(components=4, dtype="f2"), np.float16)
    return np.ascontiguousarray(np.flipud(raw.reshape(*size, 4)).astype(np.float32))
