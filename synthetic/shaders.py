"""GLSL of the renderer. World units are millimetres, y is up, the set's surface is y = 0."""

from __future__ import annotations

# Attributes are taken at the centroid: on parts thinner than a pixel the pixel's centre lies
# outside the triangle, and normals extrapolated to it glitter.
VERTEX = """
#version 330
uniform mat4 u_camera;
in vec3 in_position;
in vec3 in_normal;
in vec2 in_uv;
in vec3 in_anchor;
centroid out vec3 v_position;
centroid out vec3 v_normal;
centroid out vec2 v_uv;
centroid out vec3 v_anchor;
void main() {
    v_position = in_position;
    v_normal = in_normal;
    v_uv = in_uv;
    v_anchor = in_anchor;
    gl_Position = u_camera * vec4(in_position, 1.0);
}
"""

# Depth of shadow casters, height of casters above the set, and coverage labels need no lighting.
FRAGMENT_DEPTH = """
#version 330
centroid in vec3 v_position;
void main() {}
"""

FRAGMENT_HEIGHT = """
#version 330
centroid in vec3 v_position;
uniform float u_density;
out vec4 f_color;
void main() { f_color = vec4(v_position.y, u_density, 0.0, 1.0); }
"""

FRAGMENT_LABEL = """
#version 330
uniform vec4 u_label;
out vec4 f_color;
void main() { f_color = u_label; }
"""

# Lighting: split-sum image-based lighting (Karis, "Real Shading in Unreal Engine 4", 2013) with
# the analytic environment BRDF of Lazarov (2013), spherical-harmonics irradiance (Ramamoorthi and
# Hanrahan, 2001) and one GGX key light (Walter et al., 2007).
LIGHTING = """
#version 330
const float PI = 3.14159265;
centroid in vec3 v_position;
centroid in vec3 v_normal;
centroid in vec2 v_uv;
centroid in vec3 v_anchor;
uniform vec3 u_eye;
uniform vec3 u_forward;
uniform vec3 u_sh[9];
uniform sampler2DArray u_environment;
uniform vec3 u_below;
uniform vec3 u_key_direction;
uniform vec3 u_key_colour;
uniform mat4 u_shadow_matrix;
uniform sampler2DShadow u_shadow;
uniform sampler2D u_surface_shadow;
uniform vec4 u_surface_area;
uniform sampler2D u_gobo;
uniform float u_gobo_scale;
uniform vec3 u_base;
uniform vec3 u_base2;
uniform int u_pattern;
uniform float u_pattern_scale;
uniform float u_roughness;
uniform float u_metallic;
uniform float u_glow;
uniform sampler2D u_texture;
uniform int u_texture_mode;
uniform float u_texture_scale;
uniform vec2 u_texture_turn;
out vec4 f_color;

// Irradiance of everything but the key light, which is added where it is not in shadow.
vec3 ambient(vec3 n) {
    vec3 total =
        0.282095 * u_sh[0]
        + 0.488603 * (u_sh[1] * n.y + u_sh[2] * n.z + u_sh[3] * n.x)
        + 1.092548 * (u_sh[4] * n.x * n.y + u_sh[5] * n.y * n.z + u_sh[7] * n.x * n.z)
        + 0.315392 * u_sh[6] * (3.0 * n.z * n.z - 1.0)
        + 0.546274 * u_sh[8] * (n.x * n.x - n.y * n.y);
    total = max(total, 0.02 * u_sh[0]);
    return max(total - u_key_colour * max(dot(n, u_key_direction), 0.0), 0.1 * total);
}

vec3 environment(vec3 d, float roughness) {
    vec2 uv = vec2(0.5 + atan(d.x, -d.z) / (2.0 * PI), acos(clamp(d.y, -1.0, 1.0)) / PI);
    float level = clamp(roughness, 0.0, 1.0) * 4.0;
    float low = floor(level);
    vec3 a = textureLod(u_environment, vec3(uv, low), 0.0).rgb;
    vec3 b = textureLod(u_environment, vec3(uv, min(low + 1.0, 4.0)), 0.0).rgb;
    return mix(a, b, level - low);
}

// What a mirror direction sees: the surroundings above, the lit surface of the set below.
vec3 surroundings(vec3 d, float roughness) {
    float soft = 0.04 + 0.5 * roughness;
    return mix(u_below, environment(d, roughness), smoothstep(-soft, soft, d.y));
}

vec3 environment_brdf(vec3 f0, float roughness, float n_v) {
    vec4 r = roughness * vec4(-1.0, -0.0275, -0.572, 0.022) + vec4(1.0, 0.0425, 1.04, -0.04);
    float a = min(r.x * r.x, exp2(-9.28 * n_v)) * r.x + r.y;
    vec2 ab = vec2(-1.04, 1.04) * a + r.zw;
    return f0 * ab.x + ab.y;
}

float shadow(vec3 p, vec3 n) {
    // The map holds the far sides of casters; start outside the near one.
    vec4 s = u_shadow_matrix * vec4(p + n * 0.4 + u_key_direction * 0.6, 1.0);
    if (any(greaterThan(abs(s.xy), vec2(0.99)))) return 1.0;
    vec3 c = s.xyz * 0.5 + 0.5;
    float lit = 0.0;
    for (int i = 0; i < 4; ++i)
        lit += texture(u_shadow, vec3(c.xy + (vec2(i & 1, i >> 1) - 0.5) * 0.003, c.z - 0.0005));
    return lit * 0.25;
}

vec2 surface_shadow(vec3 p) {
    vec2 uv = (p.xz - u_surface_area.xy) / u_surface_area.zw;
    if (any(lessThan(uv, vec2(0.0))) || any(greaterThan(uv, vec2(1.0)))) return vec2(1.0);
    return texture(u_surface_shadow, uv).rg;
}

vec3 gobo(vec3 p) {
    if (u_gobo_scale <= 0.0) return vec3(1.0);
    vec3 side = normalize(cross(u_key_direction, vec3(0.31, 0.9, 0.29)));
    vec3 up = cross(side, u_key_direction);
    return texture(u_gobo, vec2(dot(p, side), dot(p, up)) / u_gobo_scale + 0.5).rgb;
}

float hash(vec3 p) {
    p = fract(p * 0.1031);
    p += dot(p, p.yzx + 33.33);
    return fract((p.x + p.y) * p.z);
}

float noise(vec3 p) {
    vec3 i = floor(p), f = fract(p);
    f = f * f * (3.0 - 2.0 * f);
    vec2 e = vec2(0.0, 1.0);
    return mix(
        mix(mix(hash(i), hash(i + e.yxx), f.x),
            mix(hash(i + e.xyx), hash(i + e.yyx), f.x), f.y),
        mix(mix(hash(i + e.xxy), hash(i + e.yxy), f.x),
            mix(hash(i + e.xyy), hash(i + e.yyy), f.x), f.y),
        f.z);
}

// 0 plain, 1 tortoise, 2 two-tone by height, 3 streaks, 4 along the temple
vec3 albedo() {
    vec3 base = u_base;
    vec3 p = v_anchor * u_pattern_scale;
    if (u_pattern == 1) {
        float n = noise(p * 0.16) * 0.65 + noise(p * 0.37 + 7.0) * 0.35;
        base = mix(u_base, u_base2, smoothstep(0.46, 0.6, n));
    } else if (u_pattern == 2) {
        base = mix(u_base2, u_base, smoothstep(-6.0, 8.0, v_anchor.y));
    } else if (u_pattern == 3) {
        float n = noise(p * vec3(0.05, 0.5, 0.05));
        base = mix(u_base, u_base2, smoothstep(0.3, 0.7, n));
    } else if (u_pattern == 4) {
        base = mix(u_base, u_base2, smoothstep(-40.0, -70.0, v_anchor.z));
    }
    if (u_texture_mode > 0) {
        vec2 uv = u_texture_mode == 1 ? vec2(v_uv.x * u_texture_scale, v_uv.y)
                                      : v_position.xz / u_texture_scale;
        uv = vec2(uv.x * u_texture_turn.x - uv.y * u_texture_turn.y,
                  uv.x * u_texture_turn.y + uv.y * u_texture_turn.x);
        // Wrapped by hand: next to the horizon of a large plane uv has no bounds, and there the
        // anisotropic filter of the software renderer never ends.
        vec4 t = textureGrad(u_texture, fract(uv), dFdx(uv), dFdy(uv));
        base = u_texture_mode == 1 ? mix(base, t.rgb, t.a) : base * t.rgb;
    }
    return base;
}

uniform int u_store_depth;
float distance_ahead() { return u_store_depth == 1 ? dot(v_position - u_eye, u_forward) : 1.0; }
"""

FRAGMENT_OPAQUE = (
    LIGHTING
    + """
uniform int u_is_surface;
uniform float u_reflection;
uniform sampler2D u_mirror;
uniform vec2 u_viewport;
void main() {
    vec3 n = normalize(v_normal);
    vec3 v = normalize(u_eye - v_position);
    if (dot(n, v) < 0.0) n = -n;
    vec3 base = albedo();
    vec2 shade = vec2(1.0);
    float lit = 1.0;
    if (u_is_surface == 1 && abs(v_position.y) < 0.5) {
        shade = surface_shadow(v_position);
        lit = shade.x;
    } else {
        lit = shadow(v_position, n);
        if (u_is_surface == 0)
            shade.y = mix(0.45, 1.0, smoothstep(-0.9, 0.6, n.y + v_position.y * 0.03));
    }
    vec3 f0 = mix(vec3(0.04), base, u_metallic);
    vec3 diffuse = base * (1.0 - u_metallic);
    float n_v = max(dot(n, v), 0.0);
    vec3 sky = ambient(n) / PI;
    if (u_is_surface == 0) sky = mix(sky, u_below, 0.5 - 0.5 * n.y) ;
    vec3 mirror = surroundings(reflect(-v, n), u_roughness);
    if (u_is_surface == 1 && u_reflection > 0.0) {
        vec4 seen = textureLod(u_mirror, gl_FragCoord.xy / u_viewport, u_roughness * 6.0);
        mirror = mix(mirror, seen.rgb / max(seen.a, 1e-3), clamp(seen.a, 0.0, 1.0));
    }
    vec3 brdf = environment_brdf(f0, u_roughness, n_v);
    if (u_is_surface == 1) brdf *= mix(0.25, 1.0, u_reflection);
    vec3 light = lit * u_key_colour * gobo(v_position);
    vec3 colour = diffuse * sky * shade.y + brdf * mirror * mix(0.4, 1.0, shade.y)
        + light * diffuse / PI * max(dot(n, u_key_direction), 0.0) + base * u_glow;
    f_color = vec4(min(colour, vec3(60.0)), distance_ahead());
}
"""
)

# Lenses and clear acetate: what lies behind (a copy of the picture so far, shifted by refraction)
# times the tint, plus what the surface itself scatters and mirrors.
FRAGMENT_CLEAR = (
    LIGHTING
    + """
uniform sampler2D u_behind;
uniform vec2 u_viewport;
uniform vec3 u_tint;
uniform vec3 u_tint2;
uniform vec3 u_mirror_colour;
uniform float u_haze;
uniform float u_bend;
uniform int u_is_lens;
uniform sampler2D u_print;
void main() {
    vec3 n = normalize(v_normal);
    vec3 v = normalize(u_eye - v_position);
    bool back = dot(n, v) < 0.0;
    if (back) n = -n;
    float n_v = max(dot(n, v), 0.0);
    vec2 at = gl_FragCoord.xy / u_viewport;
    vec2 offset = u_is_lens == 1 ? (v_uv - 0.5) * u_bend : n.xy * u_bend;
    vec3 through = texture(u_behind, at + offset).rgb;
    vec3 tint = u_is_lens == 1 ? mix(u_tint, u_tint2, smoothstep(0.15, 0.85, v_uv.y)) : u_tint;
    if (u_is_lens == 0) tint = pow(tint, vec3(1.0 + 2.0 * (1.0 - n_v)));
    float fresnel = pow(1.0 - n_v, 5.0);
    vec3 f0 = u_mirror_colour;
    vec3 f = f0 + (1.0 - f0) * fresnel;
    vec3 base = albedo();
    float lit = shadow(v_position, n);
    vec3 light = u_key_colour * lit * gobo(v_position);
    vec3 scattered = base * (ambient(n) / PI + light * max(dot(n, u_key_direction), 0.0) / PI);
    vec3 mirror = f * surroundings(reflect(-v, n), u_roughness);
    vec3 colour = mix(through * tint, scattered, u_haze) * (1.0 - f) + mirror;
    if (u_is_lens == 1) {
        vec4 ink = texture(u_print, v_uv);
        vec3 print = ink.rgb * (ambient(n) / PI + light / PI * abs(dot(n, u_key_direction)));
        colour = mix(colour, print + mirror * 0.5, ink.a);
    }
    f_color = vec4(min(colour, vec3(60.0)), distance_ahead());
}
"""
)

BACKGROUND_VERTEX = """
#version 330
in vec2 in_corner;
out vec2 v_corner;
void main() { v_corner = in_corner; gl_Position = vec4(in_corner, 0.99999, 1.0); }
"""

FRAGMENT_BACKGROUND = """
#version 330
const float PI = 3.14159265;
in vec2 v_corner;
uniform mat4 u_inverse;
uniform vec3 u_eye;
uniform sampler2DArray u_environment;
uniform float u_level;
out vec4 f_color;
void main() {
    vec4 far = u_inverse * vec4(v_corner, 1.0, 1.0);
    vec3 d = normalize(far.xyz / far.w - u_eye);
    vec2 uv = vec2(0.5 + atan(d.x, -d.z) / (2.0 * PI), acos(clamp(d.y, -1.0, 1.0)) / PI);
    vec3 far_light = textureLod(u_environment, vec3(uv, u_level), 0.0).rgb;
    f_color = vec4(min(far_light, vec3(60.0)), 5000.0);
}
"""
