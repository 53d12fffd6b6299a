"""Let the voice in the box say something: `python examples/speak.py "Any English text."`."""

import sys

import valle

text = " ".join(sys.argv[1:]) or "The boat sails tonight. Every window was open."

voice = valle.load()  # a model of your own: valle.load("runs/first")
for name, sounds in voice.voices.items():
    print(f"{name:<8}{sounds}")

speech = voice.speak(text, voice="ben", seed=1)
for word in speech.words:
    print(f"{word.start:5.2f} s  {word.symbols}")
print(f"{speech.save('speech.wav')}: {speech.seconds:.1f} s at {speech.sample_rate} Hz")
