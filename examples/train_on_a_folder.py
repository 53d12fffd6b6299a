"""From a folder of recordings to a voice: `python examples/train_on_a_folder.py RECORDINGS PROMPT.wav [STEPS]`.

RECORDINGS holds a folder for each speaker, and beside each `NAME.wav` its words in `NAME.txt`.
"""

import sys

import valle

recordings, prompt, *rest = sys.argv[1:]
steps = int(rest[0]) if rest else 900

data = valle.prepare(recordings, out="data", language="en-us")
print(data)
for reason, count in data.left_out.items():
    print(f"left out: {count} recordings, {reason}")

run = valle.train(
    data,
    out="run",
    steps=steps,
    arch={"name": "llama", "d_model": 192, "n_layers": 4, "n_heads": 4, "dropout": 0.1},
    task={"name": "tts", "min_seconds": 0.8, "max_seconds": 2.4},
    batching={"seconds": 16},
    lr=2e-3,
    report=lambda line: print(f"step {line['step']}: loss {line['loss']:.3f}"),
)
print(f"{run.step} steps in {run.seconds:.0f} s; {run.curve}")

voice = valle.load(run)
speech = voice.speak("the boat sails tonight", prompt=prompt, max_seconds=4)
print(speech.save("speech.wav"), *speech.warnings, sep="\n")
