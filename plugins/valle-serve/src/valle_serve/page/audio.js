// Sound in the browser: play samples as they come, draw their spectrogram, record, and write wav files.

export const RATE = 24000;

/** 16-bit little-endian samples in base64 → floats in [−1, 1]. */
export function samplesOf(base64) {
  const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  const view = new DataView(bytes.buffer);
  return Float32Array.from({ length: bytes.length >> 1 }, (_, place) => view.getInt16(2 * place, true) / 32768);
}

/** Plays pieces one after another without a gap; `position` is the second of the speech that is heard now. */
export class Player {
  constructor() {
    this.context = new AudioContext();
    this.begun = null;
    this.until = 0;
    this.held = 0; // seconds for which nothing was there to play
    this.sources = new Set();
  }

  push(samples) {
    const now = this.context.currentTime;
    if (this.begun === null) {
      this.begun = this.until = now + 0.05;
    } else if (this.until < now) {
      this.held += now - this.until;
      this.until = now;
    }
    const buffer = this.context.createBuffer(1, samples.length, RATE);
    buffer.copyToChannel(samples, 0);
    const source = this.context.createBufferSource();
    source.buffer = buffer;
    source.connect(this.context.destination);
    source.start(this.until);
    source.onended = () => this.sources.delete(source);
    this.sources.add(source);
    this.until += samples.length / RATE;
  }

  get position() {
    return this.begun === null ? 0 : this.context.currentTime - this.begun - this.held;
  }

  get over() {
    return this.begun === null || this.context.currentTime >= this.until;
  }

  stop() {
    for (const source of this.sources) source.stop();
    this.context.close();
  }
}

const WINDOW = 512;
const HANN = Float32Array.from({ length: WINDOW }, (_, n) => 0.5 - 0.5 * Math.cos((2 * Math.PI * n) / WINDOW));

/** Magnitudes of the lower half of a window of 512 samples, by a radix-2 FFT. */
export function magnitudes(samples, start) {
  const real = new Float32Array(WINDOW);
  const imaginary = new Float32Array(WINDOW);
  for (let n = 0, swapped = 0; n < WINDOW; n++) {
    real[swapped] = (samples[start + n] ?? 0) * HANN[n];
    let bit = WINDOW >> 1;
    while (swapped & bit) {
      swapped ^= bit;
      bit >>= 1;
    }
    swapped |= bit;
  }
  for (let size = 2; size <= WINDOW; size *= 2) {
    for (let k = 0; k < size / 2; k++) {
      const angle = (-2 * Math.PI * k) / size;
      const [c, s] = [Math.cos(angle), Math.sin(angle)];
      for (let low = k; low < WINDOW; low += size) {
        const high = low + size / 2;
        const r = real[high] * c - imaginary[high] * s;
        const i = real[high] * s + imaginary[high] * c;
        [real[high], imaginary[high]] = [real[low] - r, imaginary[low] - i];
        real[low] += r;
        imaginary[low] += i;
      }
    }
  }
  return Float32Array.from({ length: WINDOW / 2 }, (_, k) => Math.hypot(real[k], imaginary[k]));
}

/** Draws all samples over the width of a canvas, 0 to 8 kHz upwards, 70 dB from ground to ink. */
export function drawSpectrogram(canvas, samples) {
  const context = canvas.getContext("2d");
  const { width, height } = canvas;
  const ink = getComputedStyle(canvas).getPropertyValue("--strong").trim();
  const [red, green, blue] = [1, 3, 5].map((at) => parseInt(ink.slice(at, at + 2), 16));
  const picture = context.createImageData(width, height);
  const highest = Math.round((8000 / RATE) * WINDOW);
  for (let x = 0; x < width && samples.length; x++) {
    const found = magnitudes(samples, Math.max(0, Math.round((x / width) * samples.length) - WINDOW / 2));
    for (let y = 0; y < height; y++) {
      const level = 20 * Math.log10(found[Math.floor(((height - 1 - y) / height) * highest)] + 1e-6);
      const place = 4 * (y * width + x);
      picture.data.set([red, green, blue, Math.max(0, Math.min(255, ((level + 40) / 70) * 255))], place);
    }
  }
  context.clearRect(0, 0, width, height);
  context.putImageData(picture, 0, 0);
}

/** Floats → a wav file of 16 bits. */
export function wavOf(samples, rate) {
  const view = new DataView(new ArrayBuffer(44 + 2 * samples.length));
  const text = (at, word) => [...word].forEach((letter, place) => view.setUint8(at + place, letter.charCodeAt(0)));
  text(0, "RIFF");
  view.setUint32(4, 36 + 2 * samples.length, true);
  text(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true);
  view.setUint16(22, 1, true);
  view.setUint32(24, rate, true);
  view.setUint32(28, 2 * rate, true);
  view.setUint16(32, 2, true);
  view.setUint16(34, 16, true);
  text(36, "data");
  view.setUint32(40, 2 * samples.length, true);
  samples.forEach((value, place) => view.setInt16(44 + 2 * place, Math.max(-1, Math.min(1, value)) * 32767, true));
  return new Blob([view], { type: "audio/wav" });
}

/** Any file that the browser can play → a wav of one channel, which the server reads. */
export async function wavOfFile(file) {
  const context = new OfflineAudioContext(1, 1, RATE);
  const sound = await context.decodeAudioData(await file.arrayBuffer());
  const mixed = new Float32Array(sound.length);
  for (let channel = 0; channel < sound.numberOfChannels; channel++) {
    sound.getChannelData(channel).forEach((value, place) => (mixed[place] += value / sound.numberOfChannels));
  }
  return wavOf(mixed, sound.sampleRate);
}

/** Records from the microphone until `stop()`, which gives a wav. */
export async function recorder() {
  const stream = await navigator.mediaDevices.getUserMedia({ audio: { channelCount: 1 } });
  const media = new MediaRecorder(stream);
  const parts = [];
  media.ondataavailable = (event) => parts.push(event.data);
  media.start();
  return {
    stop: () =>
      new Promise((resolve, reject) => {
        media.onstop = () => {
          stream.getTracks().forEach((track) => track.stop());
          wavOfFile(new Blob(parts)).then(resolve, reject);
        };
        media.stop();
      }),
  };
}
