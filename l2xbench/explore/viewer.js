// A picture with sharp pixels, of which a part may be shown: frames over it, a place under the pointer that is marked
// in every linked picture, the value there, and a click (or arrow keys and Enter) that chooses a spot.
// Lengths are in the picture's own pixels: `rows` and `columns` of them, whatever the file's resolution.

const pointed = Vue.reactive({ y: null, x: null }); // 0 to 1, the same place in every linked picture

export default {
  template: `
    <div class="viewer" :class="{ picks, busy }" ref="frame" :style="frameStyle"
         :tabindex="picks ? 0 : -1" :role="picks ? 'application' : 'img'" :aria-label="label"
         @pointermove="move" @pointerleave="leave" @click="click" @keydown="key">
      <img v-if="src" :src="src" alt="" draggable="false" :style="imageStyle" @load="$emit('shown', stamp)">
      <svg :viewBox="viewBox" preserveAspectRatio="none" aria-hidden="true">
        <template v-for="frame in frames">
          <rect v-for="pass in ['under', 'over']" :class="[frame.kind, pass]"
                :x="frame.box[1]" :y="frame.box[0]" :width="frame.box[3]" :height="frame.box[2]"/>
        </template>
      </svg>
      <span v-if="cross" class="cross" :style="cross" aria-hidden="true"></span>
      <span v-if="reading" class="reading">{{ reading }}</span>
      <span v-if="note" class="note">{{ note }}</span>
    </div>`,
  props: {
    src: String,
    stamp: String, // what the picture answers
    label: String,
    note: String,
    rows: Number,
    columns: Number,
    view: Array, // y, x, height, width
    box: Array, // the chosen patch
    dashed: Array, // a part that is shown elsewhere
    cursor: Array, // height, width of what a click would choose
    values: String, // where rows x columns float32 are
    picks: Boolean,
    linked: Boolean,
    busy: Boolean,
  },
  emits: ["pick", "shown"],
  data: () => ({ at: null, numbers: null, wide: 0 }),
  mounted() {
    this.observer = new ResizeObserver(([entry]) => (this.wide = entry.contentRect.width));
    this.observer.observe(this.$refs.frame);
  },
  unmounted() {
    this.observer.disconnect();
  },
  watch: {
    values: {
      immediate: true,
      async handler(place) {
        this.numbers = null;
        if (!place) return;
        const answer = await fetch(place);
        if (answer.ok && place === this.values) this.numbers = new Float32Array(await answer.arrayBuffer());
      },
    },
  },
  computed: {
    part() {
      return this.view || [0, 0, this.rows, this.columns];
    },
    viewBox() {
      const [y, x, height, width] = this.part;
      return `${x} ${y} ${width} ${height}`;
    },
    frameStyle() {
      const [, , height, width] = this.part;
      return { aspectRatio: `${width} / ${height}`, "--proportion": width / height };
    },
    imageStyle() {
      const [y, x, height, width] = this.part;
      const enlarged = this.wide * window.devicePixelRatio >= width;
      return {
        width: `${(100 * this.columns) / width}%`,
        height: `${(100 * this.rows) / height}%`,
        left: `${(-100 * x) / width}%`,
        top: `${(-100 * y) / height}%`,
        imageRendering: enlarged ? "pixelated" : "auto",
      };
    },
    frames() {
      const least = (9 * this.part[3]) / (this.wide || 1); // a frame around one pixel must be seen
      const seen = ([y, x, height, width]) => {
        const [tall, broad] = [Math.max(height, least), Math.max(width, least)];
        return [y - (tall - height) / 2, x - (broad - width) / 2, tall, broad];
      };
      const found = [];
      if (this.dashed) found.push({ kind: "dashed", box: this.dashed });
      if (this.box) found.push({ kind: "box", box: seen(this.box) });
      if (this.at && this.cursor) {
        const place = (at, size, length) => Math.min(Math.max(at - Math.floor(size / 2), 0), length - size);
        const [height, width] = this.cursor;
        const box = [place(this.at[0], height, this.rows), place(this.at[1], width, this.columns), height, width];
        found.push({ kind: "cursor", box: seen(box) });
      }
      return found;
    },
    cross() {
      if (!this.linked || this.at || pointed.y === null) return null;
      const [y, x, height, width] = this.part;
      const top = (pointed.y * this.rows - y) / height;
      const left = (pointed.x * this.columns - x) / width;
      if (top < 0 || top > 1 || left < 0 || left > 1) return null;
      return { top: `${100 * top}%`, left: `${100 * left}%` };
    },
    reading() {
      if (!this.at) return "";
      const [y, x] = this.at;
      const place = `y ${y}, x ${x}`;
      if (!this.numbers) return place;
      const value = this.numbers[y * this.columns + x];
      return `${place}:  ${value >= 0 ? "+" : "−"}${Math.abs(value).toPrecision(3)}`;
    },
  },
  methods: {
    place(event) {
      const frame = this.$refs.frame.getBoundingClientRect();
      const [y, x, height, width] = this.part;
      const down = y + (height * (event.clientY - frame.top)) / frame.height;
      const right = x + (width * (event.clientX - frame.left)) / frame.width;
      return [Math.min(Math.max(down, 0), this.rows - 1e-6), Math.min(Math.max(right, 0), this.columns - 1e-6)];
    },
    move(event) {
      const [y, x] = this.place(event);
      this.at = [Math.floor(y), Math.floor(x)];
      if (this.linked) [pointed.y, pointed.x] = [y / this.rows, x / this.columns];
    },
    leave() {
      this.at = null;
      pointed.y = pointed.x = null;
    },
    click(event) {
      if (!this.picks) return;
      const [y, x] = this.place(event);
      this.pick(Math.floor(y), Math.floor(x));
    },
    key(event) {
      const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
      if (!this.picks || !this.box || !step) return;
      event.preventDefault();
      const [y, x, height, width] = this.box;
      const far = event.shiftKey ? 1 : Math.max(1, Math.floor(height / 2));
      this.pick(y + Math.floor(height / 2) + far * step[0], x + Math.floor(width / 2) + far * step[1]);
    },
    pick(y, x) {
      const within = (at, length) => Math.min(Math.max(at, 0), length - 1);
      this.$emit("pick", { y: within(y, this.rows), x: within(x, this.columns) });
    },
  },
};
