// Every image with all networks side by side: LR, SR, HR and map, zoomed and read together.

const index = JSON.parse(document.getElementById("index").textContent);
if (index.images.length) startViewer();

function startViewer() {
  const $ = (id) => document.getElementById(id);
  const panels = $("panels");
  const state = { at: 0, method: "", layer: 3, zoom: 1, x: 0, y: 0, cursor: null, shown: null };
  const halfTable = halves();
  const palettes = Object.fromEntries(Object.entries(index.palettes).map(([name, text]) => [name, bytes(text)]));
  const kept = new Map(); // the data of the images seen last
  const waiting = new Map();
  const keep = 6;

  // ---- data -------------------------------------------------------------------------------------------------------

  function bytes(text) {
    return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  }

  // Every 16-bit float as a number.
  function halves() {
    const table = new Float32Array(65536);
    for (let code = 0; code < 65536; code++) {
      const exponent = (code >> 10) & 31;
      const fraction = code & 1023;
      const size =
        exponent === 31 ? (fraction ? NaN : Infinity)
        : exponent ? (1 + fraction / 1024) * 2 ** (exponent - 15)
        : fraction * 2 ** -24;
      table[code] = code >> 15 ? -size : size;
    }
    return table;
  }

  function mapValues(map) {
    if (!map.values) {
      const raw = bytes(map.data);
      const values = new Float32Array(raw.length / 2);
      for (let i = 0; i < values.length; i++) values[i] = halfTable[raw[2 * i] | (raw[2 * i + 1] << 8)] * map.scale;
      map.values = values;
      map.data = null;
    }
    return map.values;
  }

  const identity = (entry) => `${entry.dataset}/${entry.image}`;

  // In the page itself, or a script beside it: pages from disk may load scripts and pictures, and nothing else.
  function load(at) {
    const entry = index.images[at];
    const id = identity(entry);
    if (kept.has(id)) return Promise.resolve(kept.get(id));
    if (!entry.file) return Promise.resolve(remember(id, JSON.parse($(`data-${at}`).textContent)));
    return new Promise((resolve, reject) => {
      const script = document.createElement("script");
      waiting.set(id, resolve);
      script.onload = () => script.remove();
      script.onerror = () => reject(new Error(`${decodeURIComponent(entry.file)} is not beside this page`));
      script.src = entry.file;
      document.head.append(script);
    });
  }

  window.l2xbenchImage = (id, data) => waiting.get(id)?.(remember(id, data));

  function remember(id, data) {
    kept.set(id, data);
    for (const old of kept.keys()) if (kept.size > keep) kept.delete(old);
    return data;
  }

  // ---- pictures ---------------------------------------------------------------------------------------------------

  const element = (name, options = {}, ...children) => {
    const made = Object.assign(document.createElement(name), options);
    made.append(...children);
    return made;
  };

  async function show(at) {
    state.at = at;
    state.cursor = null;
    $("image").value = at;
    let data;
    try {
      data = await load(at);
    } catch (error) {
      panels.replaceChildren(element("p", { className: "warning", textContent: `${error.message}: keep the page in its folder.` }));
      return;
    }
    if (state.at !== at) return; // another was chosen meanwhile
    const before = state.stops;
    state.shown = data;
    state.stops = index.images[at].stops;
    if (before && before.length !== state.stops.length) state.layer = state.stops.length - 1;
    $("layer").max = state.stops.length - 1;
    $("stops").replaceChildren(...state.stops.map((name, place) => {
      const button = element("button", { type: "button", textContent: index.called[name] ?? name });
      button.addEventListener("click", () => setLayer(place));
      return button;
    }));
    const methods = data.methods.map((method) => method.name);
    if (!methods.includes(state.method)) state.method = methods[0] ?? "";
    if ($("method")) $("method").value = state.method;
    takeScale();
    panels.replaceChildren(...data.networks.map((network, place) => panel(network, place)));
    whole();
    drawMaps();
    setLayer(Math.min(state.layer, state.stops.length - 1));
    read(null);
  }

  function panel(network, place) {
    const entry = index.images[state.at];
    const name = `${entry.image} by ${network.name}`;
    const score = [];
    if (network.psnr !== null) score.push(`${typeof network.psnr === "number" ? network.psnr.toFixed(2) : network.psnr} dB`);
    if (network.ssim !== null) score.push(network.ssim.toFixed(4));
    const caption = element("figcaption", {}, element("strong", { textContent: network.name }),
      element("span", { className: "score", textContent: score.join(" / ") }));
    const view = element("div", { className: "view" });
    view.style.aspectRatio = `${entry.width} / ${entry.height}`;
    const sources = { LR: state.shown.lr, SR: network.sr, HR: state.shown.hr };
    const alts = { LR: entry.image, SR: name, HR: entry.image };
    for (const stop of state.stops) {
      const inner = element("div", { className: "inner" });
      if (stop === "map") {
        const canvas = element("canvas", { width: entry.width, height: entry.height });
        canvas.setAttribute("role", "img");
        canvas.setAttribute("aria-label", `Attribution map of ${name}`);
        inner.append(canvas);
      } else {
        const picture = element("img", { alt: `${index.called[stop]} image ${alts[stop]}`, draggable: false, decoding: "async" });
        picture.dataset.src = sources[stop]; // loaded when it is first looked at
        inner.append(picture);
      }
      const layer = element("div", { className: stop === "LR" || stop === "map" ? "layer" : "layer smooth", hidden: true }, inner);
      layer.dataset.stop = stop;
      view.append(layer);
    }
    const marks = element("div", { className: "inner marks" });
    if (index.box) marks.append(box("mark target", index.box, entry.height * index.scale, entry.width * index.scale));
    const cursor = element("div", { className: "mark cursor", hidden: true });
    marks.append(cursor);
    const divider = element("div", { className: "divider", hidden: true });
    view.append(marks, divider, element("span", { className: "tag left" }), element("span", { className: "tag right" }));
    const value = element("p", { className: "value" });
    const spread = index.box ? [element("p", { className: "spread" })] : [];
    const made = element("figure", { className: "panel" }, caption, view, ...spread, value);
    made.dataset.place = place;
    return made;
  }

  function box(className, [y, x, height, width], rows, columns) {
    const made = element("div", { className });
    Object.assign(made.style, {
      top: `${(100 * y) / rows}%`, left: `${(100 * x) / columns}%`, height: `${(100 * height) / rows}%`, width: `${(100 * width) / columns}%`,
    });
    return made;
  }

  // The study's, until the reader chooses.
  function takeScale() {
    if (method() && !state.scaled) $("scale").value = method().scale;
  }

  const method = () => state.shown.methods.find((one) => one.name === state.method);
  const network = (one) => state.shown.networks[Number(one.dataset.place)];
  const mapOf = (place) => method()?.maps.find((map) => map.network === place);

  // ---- maps in colour ---------------------------------------------------------------------------------------------

  const limit = () => method().limit * 2 ** -Number($("gain").value);

  // From a number to its place on the colour bar, -1 to 1 within the limit.
  function placed(value, bound) {
    const share = value / bound;
    if ($("scale").value !== "symlog") return share;
    const size = Math.abs(share) * 10 ** index.decades;
    return (Math.sign(share) * (size <= 1 ? size : 1 + Math.log10(size))) / (1 + index.decades);
  }

  // The figures' own arithmetic: the palette's colour, and the greyed LR image in proportion to the white in it.
  function colour(values, grey, table, bound) {
    const count = table.length / 3 - 2;
    const pixels = new Uint8ClampedArray(4 * values.length);
    for (let i = 0; i < values.length; i++) {
      const value = values[i];
      let row = Math.min(count - 1, Math.floor(((placed(value, bound) + 1) / 2) * count));
      if (value < -bound) row = count;
      else if (value > bound) row = count + 1;
      const known = !Number.isNaN(value);
      const [red, green, blue] = known ? [table[3 * row], table[3 * row + 1], table[3 * row + 2]] : [255, 255, 255];
      const veil = Math.min(red, green, blue) * index.backdrop * (1 - grey[i] / 255);
      pixels.set([red - veil, green - veil, blue - veil, 255], 4 * i);
    }
    return pixels;
  }

  function drawMaps() {
    if (!method()) return;
    const entry = index.images[state.at];
    const table = palettes[$("palette").value];
    state.shown.greyBytes ??= bytes(state.shown.grey);
    for (const one of panels.children) {
      const map = mapOf(Number(one.dataset.place));
      const view = one.querySelector(".layer[data-stop=map]");
      const spread = one.querySelector(".spread");
      if (spread) {
        const known = map && map.outside !== null;
        spread.textContent = known ? `${(100 * map.outside).toFixed(1)}% outside, DI ${map.diffusion.toFixed(2)}` : "";
      }
      view.querySelector(".nothing")?.remove();
      if (!map) {
        view.append(element("div", { className: "nothing", textContent: network(one).name === "bicubic" ? "interpolation is not explained" : "no map" }));
        continue;
      }
      const pixels = colour(mapValues(map), state.shown.greyBytes, table, limit());
      view.querySelector("canvas").getContext("2d").putImageData(new ImageData(pixels, entry.width, entry.height), 0, 0);
    }
    const count = table.length / 3 - 2;
    const bar = $("bar");
    bar.width = count;
    const strip = new Uint8ClampedArray(4 * count).fill(255);
    for (let i = 0; i < count; i++) strip.set(table.subarray(3 * i, 3 * i + 3), 4 * i);
    bar.getContext("2d").putImageData(new ImageData(strip, count, 1), 0, 0);
    $("ends").replaceChildren(...ticks(limit()).map((tick) => {
      const text = element("span", { textContent: said(tick) });
      text.style.left = `${50 * (1 + placed(tick, limit()))}%`;
      return text;
    }));
    $("unit").textContent = method().unit.replace(/\)$/, `${index.said[$("scale").value]})`);
    $("gain").setAttribute("aria-valuetext", `limit ${said(limit())}`);
  }

  // The limit, 0, and on the logarithmic scale the powers of ten between that have room.
  function ticks(bound) {
    const found = [bound];
    if ($("scale").value === "symlog") {
      const room = 0.18; // what a number takes of half the bar
      let last = 1;
      const first = Math.floor(Math.log10(bound));
      for (let exponent = first; exponent >= first - index.decades; exponent--) {
        const tick = Number(`1e${exponent}`);
        const at = placed(tick, bound);
        if (at < room || at > last - room) continue;
        found.push(tick);
        last = at;
      }
    }
    return [...found.map((tick) => -tick), 0, ...found.reverse()];
  }

  function said(value) {
    if (Number.isNaN(value)) return "not finite";
    if (value === 0) return "0";
    const size = Math.abs(value);
    const text = size >= 1e-3 && size < 1e5 ? Number(size.toPrecision(4)).toString() : size.toExponential(2);
    return `${value < 0 ? "−" : "+"}${text}`;
  }

  // ---- the slider between pictures --------------------------------------------------------------------------------

  function setLayer(position) {
    state.layer = position;
    const under = Math.min(Math.floor(position), state.stops.length - 1);
    const share = position - under;
    const names = share > 0 ? [state.stops[under + 1], state.stops[under]] : [state.stops[under]];
    $("layer").value = position;
    $("layer").setAttribute("aria-valuetext", share > 0 ? `${names[0]} ${Math.round(100 * share)} %, ${names[1]}` : names[0]);
    [...$("stops").children].forEach((button, place) => button.setAttribute("aria-pressed", position === place));
    const blend = $("between").value === "blend";
    panels.classList.toggle("blending", blend);
    panels.style.setProperty("--wipe", share > 0 ? 100 * share : 100);
    for (const layer of panels.querySelectorAll(".layer")) {
      layer.hidden = !names.includes(layer.dataset.stop);
      layer.classList.toggle("upper", share > 0 && layer.dataset.stop === names[0]);
      layer.style.zIndex = layer.dataset.stop === names[0] ? 1 : 0;
      const picture = layer.querySelector("img[data-src]");
      if (picture && !layer.hidden) {
        picture.src = picture.dataset.src;
        picture.removeAttribute("data-src");
      }
    }
    for (const one of panels.querySelectorAll(".view")) {
      one.querySelector(".divider").hidden = blend || share === 0;
      one.querySelector(".tag.left").textContent = share > 0 && blend ? `${names[0]} over ${names[1]}` : names[0];
      one.querySelector(".tag.right").textContent = share > 0 && !blend ? names[1] : "";
    }
  }

  // ---- zoom, the same for all -------------------------------------------------------------------------------------

  function place() {
    const least = -100 * (state.zoom - 1);
    state.x = Math.max(least, Math.min(0, state.x));
    state.y = Math.max(least, Math.min(0, state.y));
    panels.style.setProperty("--zoom", state.zoom);
    panels.style.setProperty("--x", state.x);
    panels.style.setProperty("--y", state.y);
    panels.classList.toggle("zoomed", state.zoom > 1);
    $("zoom").textContent = `×${Number(state.zoom.toFixed(1))}`;
  }

  // `x`, `y`: the point of a view that stays where it is, in percent.
  function zoomBy(factor, x = 50, y = 50) {
    const zoom = Math.max(1, Math.min(64, state.zoom * factor));
    state.x = x - ((x - state.x) * zoom) / state.zoom;
    state.y = y - ((y - state.y) * zoom) / state.zoom;
    state.zoom = zoom;
    place();
  }

  function whole() {
    Object.assign(state, { zoom: 1, x: 0, y: 0 });
    place();
  }

  function within(view, event) {
    const area = view.getBoundingClientRect();
    return { x: (100 * (event.clientX - area.left)) / area.width, y: (100 * (event.clientY - area.top)) / area.height };
  }

  // ---- reading values ---------------------------------------------------------------------------------------------

  function read(cursor, aloud = false) {
    state.cursor = cursor;
    const entry = index.images[state.at];
    const values = [];
    for (const one of panels.querySelectorAll(".panel")) {
      const mark = one.querySelector(".cursor");
      mark.hidden = !cursor;
      const map = mapOf(Number(one.dataset.place));
      const value = cursor && map ? said(mapValues(map)[cursor.y * entry.width + cursor.x]) : "";
      one.querySelector(".value").textContent = value;
      if (value) values.push(`${network(one).name} ${value}`);
      if (cursor) {
        Object.assign(mark.style, {
          top: `${(100 * cursor.y) / entry.height}%`, left: `${(100 * cursor.x) / entry.width}%`,
          height: `${100 / entry.height}%`, width: `${100 / entry.width}%`,
        });
      }
    }
    if (!cursor) {
      $("reading").textContent = state.method ? "Point at a picture to read its map." : "";
      return;
    }
    const { x, y } = cursor;
    const s = index.scale;
    const under = s === 1 ? "" : ` (${index.called.SR} x ${s * x} to ${s * x + s - 1}, y ${s * y} to ${s * y + s - 1})`;
    $("reading").textContent =
      `${s === 1 ? "Pixel" : `${index.called.LR} pixel`} x ${x}, y ${y}${under}${state.method ? ": each network's attribution is under its picture." : "."}`;
    if (aloud) $("spoken").textContent = `x ${x}, y ${y}: ${values.join(", ")}`;
  }

  function readAt(view, event) {
    const entry = index.images[state.at];
    const { x, y } = within(view, event);
    const column = Math.floor((((x - state.x) / state.zoom) * entry.width) / 100);
    const row = Math.floor((((y - state.y) / state.zoom) * entry.height) / 100);
    if (column < 0 || row < 0 || column >= entry.width || row >= entry.height) return;
    read({ x: column, y: row });
  }

  let drag = null;
  panels.addEventListener("pointerdown", (event) => {
    const view = event.target.closest(".view");
    if (!view || event.button !== 0) return;
    readAt(view, event);
    if (state.zoom > 1) {
      drag = { id: event.pointerId, ...within(view, event), from: { x: state.x, y: state.y } };
      view.setPointerCapture(event.pointerId);
    }
  });
  panels.addEventListener("pointermove", (event) => {
    const view = event.target.closest(".view");
    if (!view) return;
    if (drag && drag.id === event.pointerId) {
      const now = within(view, event);
      state.x = drag.from.x + now.x - drag.x;
      state.y = drag.from.y + now.y - drag.y;
      place();
    } else readAt(view, event);
  });
  for (const end of ["pointerup", "pointercancel"]) panels.addEventListener(end, () => (drag = null));
  panels.addEventListener("dblclick", (event) => {
    const view = event.target.closest(".view");
    if (!view) return;
    const { x, y } = within(view, event);
    zoomBy(event.shiftKey ? 1 / 2 : 2, x, y);
  });
  panels.addEventListener("wheel", (event) => {
    const view = event.target.closest(".view");
    if (!view || !(event.ctrlKey || event.metaKey)) return; // a bare wheel scrolls the page
    event.preventDefault();
    const { x, y } = within(view, event);
    zoomBy(2 ** (-event.deltaY / 200), x, y);
  }, { passive: false });

  // ---- keys -------------------------------------------------------------------------------------------------------

  const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  panels.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !state.shown) return;
    const entry = index.images[state.at];
    const actions = { "+": () => zoomBy(2), "=": () => zoomBy(2), "-": () => zoomBy(1 / 2), 0: whole, "[": () => step(-1), "]": () => step(1) };
    if (moves[event.key]) {
      const [across, down] = moves[event.key];
      if (event.shiftKey) {
        state.x -= 10 * across;
        state.y -= 10 * down;
        place();
      } else {
        const from = state.cursor ?? { x: entry.width >> 1, y: entry.height >> 1 };
        const clamp = (value, most) => Math.max(0, Math.min(most - 1, value));
        read({ x: clamp(from.x + across, entry.width), y: clamp(from.y + down, entry.height) }, true);
      }
    } else if (actions[event.key]) actions[event.key]();
    else if (Number(event.key) >= 1 && Number(event.key) <= state.stops.length) setLayer(Number(event.key) - 1);
    else return;
    event.preventDefault();
  });

  // ---- controls ---------------------------------------------------------------------------------------------------

  const step = (by) => choose((state.at + by + index.images.length) % index.images.length);

  function choose(at) {
    show(at);
    // so that a reload, or the address sent to somebody, shows the same image
    try {
      history.replaceState(null, "", `#image=${encodeURIComponent(identity(index.images[at]))}`);
    } catch {
      // a browser that lets no page from disk do so
    }
  }

  $("image").addEventListener("change", (event) => choose(Number(event.target.value)));
  $("previous").addEventListener("click", () => step(-1));
  $("next").addEventListener("click", () => step(1));
  $("method")?.addEventListener("change", (event) => {
    state.method = event.target.value;
    drawMaps();
    read(state.cursor);
  });
  $("layer").addEventListener("input", (event) => setLayer(Number(event.target.value)));
  $("between").addEventListener("change", () => setLayer(state.layer));
  $("palette")?.addEventListener("change", drawMaps);
  $("gain")?.addEventListener("input", drawMaps);
  $("scale")?.addEventListener("change", () => {
    state.scaled = true;
    drawMaps();
  });
  $("larger").addEventListener("click", () => zoomBy(2));
  $("smaller").addEventListener("click", () => zoomBy(1 / 2));
  $("whole").addEventListener("click", whole);
  for (const button of document.querySelectorAll("[data-show]")) {
    button.addEventListener("click", () => {
      choose(Number(button.dataset.show));
      $("images").scrollIntoView();
      panels.focus({ preventScroll: true });
    });
  }

  if ($("palette")) $("palette").value = index.palette;
  const wanted = /^#image=(.+)$/.exec(location.hash);
  let start = 0;
  if (wanted) {
    try {
      start = Math.max(0, index.images.findIndex((entry) => identity(entry) === decodeURIComponent(wanted[1])));
    } catch {
      // not an address of ours
    }
  }
  show(start);
}
