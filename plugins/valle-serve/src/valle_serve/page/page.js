// The page: asks the server for events, plays and draws their audio, and lights up the word that is said.

import { Player, drawSpectrogram, recorder, samplesOf, wavOf, wavOfFile, RATE } from "./audio.js";

const part = (id) => document.getElementById(id);
const say = (text) => (part("state").textContent = text);
const complain = (text) => (part("trouble").textContent = text);
let running = null; // of the speech that is asked for: { abort, player }
let sample = null; // wav of the voice that may be kept
let recording = null;

async function ask(path, options = {}) {
  const key = part("key").value;
  const headers = { ...options.headers, ...(key ? { Authorization: `Bearer ${key}` } : {}) };
  const answer = await fetch(path, { ...options, headers });
  if (answer.status === 401) {
    part("access").hidden = false;
    part("access").open = true;
  }
  if (!answer.ok) {
    const told = await answer.json().catch(() => null);
    throw new Error(told?.error?.message ?? `the server answered ${answer.status}`);
  }
  return answer;
}

/** Calls `each` with every event of an answer. */
async function readEvents(answer, each) {
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const parts = (rest + value).split("\n\n");
    rest = parts.pop();
    for (const one of parts) each(JSON.parse(one.slice("data: ".length)));
  }
}

async function speak() {
  stop();
  complain("");
  say("Speaking …");
  part("words").replaceChildren();
  part("save").hidden = true;
  const mine = (running = { abort: new AbortController(), player: new Player(), parts: [], words: [] });
  part("stop").disabled = false;
  const body = {
    input: part("text").value,
    voice: part("voice").value,
    speed: Number(part("speed").value),
    response_format: "pcm",
    stream_format: "sse",
    timestamp_granularities: ["word"],
  };
  try {
    const answer = await ask("v1/audio/speech", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
      signal: mine.abort.signal,
    });
    follow(mine);
    await readEvents(answer, (event) => take(mine, event));
    finish(mine);
  } catch (error) {
    if (error.name !== "AbortError") {
      complain(error.message);
      stop();
    }
    say("");
  }
}

function take(mine, event) {
  if (event.type === "speech.audio.delta") {
    const samples = samplesOf(event.audio);
    mine.player.push(samples);
    mine.parts.push(samples);
    drawSpectrogram(part("spectrogram"), joined(mine.parts));
  } else if (event.type === "speech.audio.words") {
    for (const word of event.words) {
      const span = document.createElement("span");
      span.textContent = word.word;
      part("words").append(span, " ");
      mine.words.push({ ...word, span });
    }
  } else if (event.type === "error") {
    throw new Error(event.error.message);
  }
}

/** Lights up words until all is played. */
function follow(mine) {
  const at = mine.player.position;
  for (const word of mine.words) word.span.classList.toggle("lit", word.start <= at && at < word.end);
  if (running !== mine) return;
  if (mine.whole && mine.player.over) {
    part("stop").disabled = true;
    say(`${(joined(mine.parts).length / RATE).toFixed(1)} seconds of speech.`);
    return;
  }
  requestAnimationFrame(() => follow(mine));
}

function finish(mine) {
  mine.whole = true;
  const link = part("save");
  URL.revokeObjectURL(link.href);
  link.href = URL.createObjectURL(wavOf(joined(mine.parts), RATE));
  link.hidden = false;
}

function stop() {
  if (!running) return;
  running.abort.abort();
  running.player.stop();
  for (const word of running.words) word.span.classList.remove("lit");
  running = null;
  part("stop").disabled = true;
  say("Stopped.");
}

function joined(parts) {
  const all = new Float32Array(parts.reduce((sum, one) => sum + one.length, 0));
  let at = 0;
  for (const one of parts) {
    all.set(one, at);
    at += one.length;
  }
  return all;
}

async function listVoices(chosen = part("voice").value) {
  const { data } = await (await ask("v1/audio/voices")).json();
  part("voice").replaceChildren(
    ...data.map((voice) => {
      const option = new Option(voice.description ? `${voice.name} (${voice.description})` : voice.name, voice.id);
      option.dataset.saved = voice.saved;
      return option;
    }),
  );
  if (data.some((voice) => voice.id === chosen)) part("voice").value = chosen;
  mayForget();
}

function mayForget() {
  part("forget").disabled = part("voice").selectedOptions[0]?.dataset.saved !== "true";
}

function show(wav) {
  sample = wav;
  URL.revokeObjectURL(part("sample").src);
  part("sample").src = URL.createObjectURL(wav);
  part("sample").hidden = false;
}

async function record() {
  const button = part("record");
  try {
    if (recording) {
      show(await recording.stop());
      recording = null;
      say("Recorded. Listen to it, then keep it.");
    } else {
      recording = await recorder();
      say("Recording. Press again to end.");
    }
  } catch (error) {
    recording = null;
    complain(`The microphone cannot be used: ${error.message}`);
  }
  button.textContent = recording ? "End recording" : "Record";
  button.setAttribute("aria-pressed", String(Boolean(recording)));
}

async function keep() {
  complain("");
  if (!sample) return complain("Record the voice, or choose a recording, first.");
  const form = new FormData();
  form.set("name", part("name").value);
  form.set("consent", String(part("consent").checked));
  form.set("audio_sample", sample, "recording.wav");
  const kept = await (await ask("v1/audio/voices", { method: "POST", body: form })).json();
  await listVoices(kept.id);
  say(`The voice ${kept.name} is kept, and chosen above.`);
}

async function forget() {
  const name = part("voice").value;
  await ask(`v1/audio/voices/${encodeURIComponent(name)}`, { method: "DELETE" });
  await listVoices();
  say(`The voice ${name} is removed.`);
}

const told = (work) => (event) => {
  event.preventDefault();
  Promise.resolve(work()).catch((error) => complain(error.message));
};
part("speak").addEventListener("submit", told(speak));
part("stop").addEventListener("click", told(stop));
part("keep").addEventListener("submit", told(keep));
part("forget").addEventListener("click", told(forget));
part("record").addEventListener("click", told(record));
part("voice").addEventListener("change", mayForget);
part("enter").addEventListener("submit", told(() => listVoices()));
part("key").addEventListener("change", told(() => listVoices()));
part("speed").addEventListener("input", () => (part("rate").value = Number(part("speed").value).toFixed(1)));
part("file").addEventListener("change", told(async () => show(await wavOfFile(part("file").files[0]))));
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") stop();
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) part("speak").requestSubmit();
});
listVoices().catch((error) => complain(error.message));
