"""Words and frames the sentences of the preset `box` are composed from; written for it, none from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping

PEOPLE = ("my sister", "the old baker", "our neighbour", "her uncle", "the young doctor", "a tall stranger",
          "the bus driver", "his teacher", "the night nurse", "a friend of mine", "the man next door", "their daughter",
          "the new waiter", "your brother", "the captain", "the woman in the red coat")  # fmt: skip

DID = ("left the keys on the kitchen table", "bought fresh bread before breakfast", "fixed the broken garden gate",
       "found a letter under the door", "painted the whole fence yellow", "forgot the umbrella on the train",
       "watched the snow fall all afternoon", "made soup for the entire family", "lost the way in the fog",
       "planted three apple trees behind the barn", "told a long story about the sea", "carried the boxes upstairs",
       "closed the shop an hour early", "borrowed a ladder and a hammer", "wrote the address on a napkin",
       "heard music from across the river", "hung the washing out to dry", "walked the dog around the lake",
       "cleaned the windows with vinegar", "saved a seat by the fire")  # fmt: skip

WHEN = ("this morning", "late last night", "on the way home", "while it was raining", "just before lunch",
        "after the concert", "at the weekend", "without saying a word", "because the heating had failed",
        "although nobody had asked", "as soon as the sun came up", "for the first time in years")  # fmt: skip

STARTS = ("I think", "Nobody knew that", "It was clear that", "We were told that", "They'd heard that",
          "I'd never believe that", "It's funny how", "Don't worry,", "She's sure that", "You'll see that")  # fmt: skip

ASKS = ("Where did {who} put the {thing}?", "Have you ever seen a {thing} like that?",
        "Why would {who} need a {thing}?",
        "How much is the {thing} in the window?", "Could you pass me the {thing}, please?",
        "Whose {thing} is standing in the hall?", "What happened to the {thing} you had?",
        "Is there room for one more {thing}?", "Did {who} really pay for that {thing}?",
        "Shall we take the {thing} or leave it here?", "Who broke the {thing}, and when?",
        "Wouldn't it be better to sell the {thing}?", "Aren't you going to keep the {thing}?",
        "When will {who} bring back my {thing}?", "Which {thing} do you like best?")  # fmt: skip

THINGS = ("blue suitcase", "wooden spoon", "bicycle", "birthday cake", "radio", "leather chair", "garden hose",
          "silver ring", "map", "piano", "winter coat", "camera", "glass jar", "green scarf", "telescope", "kettle",
          "picture frame", "rowing boat", "lantern", "sewing machine")  # fmt: skip

NAMES = ("Abigail Thornton", "Marcus Okafor", "Priya Raman", "Tomás Delgado", "Ingrid Halvorsen", "Yusuf Karim",
         "Beatrice Lowell", "Daniel Cho", "Fiona Macrae", "Hugo Lindqvist", "Naomi Weiss", "Oliver Pemberton",
         "Rosa Marchetti", "Samuel Adeyemi", "Wendy Huang", "Zachary Quinn")  # fmt: skip

PLACES = ("Cardiff", "Milwaukee", "Nairobi", "Dunedin", "Quebec", "Leeds", "Brisbane", "Albuquerque", "Cork",
          "Singapore", "Aberdeen", "Savannah")  # fmt: skip

COUNTS = ("{name} moved to {place} in {year}.", "The train to {place} leaves at {hour}:{minute} from platform {small}.",
          "{name} paid ${money} for {small} tickets.", "Only {big} people live in that part of {place}.",
          "Call {name} on extension {ext} before {hour} o'clock.", "It was {temp} degrees in {place} on {month} {day}.",
          "{name} ran {small}.{digit} miles in {minute} minutes.", "Room {ext} is on the {nth} floor, said {name}.",
          "About {percent}% of the votes from {place} went to {name}.",
          "{name} was born on {month} {day}, {year}, in {place}.",
          "Flight {ext} from {place} landed {minute} minutes late.",
          "Dr. {last} counted {big} birds in {small} hours.")  # fmt: skip

MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
          "December")  # fmt: skip

SINGLE = ("yes", "no", "hello", "stop", "water", "seven", "maybe", "never", "thursday", "banana", "orange",
          "please", "thanks", "sorry", "tomorrow", "yesterday", "mountain", "window", "butterfly",
          "elephant", "strength", "rhythm", "squirrel", "through", "although", "queue", "island", "colonel",
          "knight", "psychology", "vegetable", "comfortable", "wednesday", "february", "library", "sixth",
          "twelfth", "clothes", "months", "world", "girl", "juice", "church", "judge", "measure", "vision",
          "azure", "thing", "this", "thorough", "weather", "father", "mother", "brother", "ocean", "machine",
          "special", "nation", "question", "picture", "future", "jungle", "giant", "magic", "village",
          "orchestra", "chaos", "echo", "guitar", "garage", "bouquet", "ballet", "debris", "receipt",
          "doubt", "lamb", "autumn", "column", "hymn", "sword", "answer", "wrist", "write", "honest", "hour",
          "ghost", "rhubarb", "yacht", "aisle", "isle", "why", "owl", "oil", "ear", "air", "our", "eye",
          "oh", "ah", "goodbye")  # fmt: skip

SOUNDS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "s": {
        "adj": ("six silent", "seven slippery", "some silly", "sixty soft"),
        "noun": ("sailors", "seals", "sisters", "swans"),
        "verb": ("sip", "sort", "swap", "sell"),
        "obj": ("salty soup", "silver saucers", "sandy socks", "small stones"),
        "end": ("by the sunny seaside", "since Sunday", "on the steep steps", "in the still street"),
    },
    "p": {
        "adj": ("plump", "plain", "proud purple", "patient"),
        "noun": ("painters", "pigeons", "pilots", "porters"),
        "verb": ("pack", "peel", "pinch", "praise"),
        "obj": ("paper pockets", "pink plums", "pale pearls", "pine planks"),
        "end": ("past the pond", "for a penny", "in the pantry", "on the pier"),
    },
    "sh": {
        "adj": ("short", "shy", "sharp", "shaky"),
        "noun": ("shepherds", "chefs", "shoppers", "sheep"),
        "verb": ("share", "shake", "shine", "shift"),
        "obj": ("shiny shells", "sugar shapes", "shabby shoes", "shallow dishes"),
        "end": ("in the shade", "on the shore", "with sheer pleasure", "by the shed"),
    },
    "r": {
        "adj": ("rare red", "rural", "rusty", "really round"),
        "noun": ("robbers", "rabbits", "rowers", "writers"),
        "verb": ("roll", "wrap", "rub", "rent"),
        "obj": ("rough rope", "wrinkled rags", "raw radishes", "ripe raspberries"),
        "end": ("round the rock", "on the railway", "for rich relatives", "in the rain"),
    },
    "th": {
        "adj": ("three thin", "thirty thirsty", "the other thoughtful", "thick"),
        "noun": ("thieves", "thinkers", "brothers", "mothers"),
        "verb": ("thank", "throw", "thread", "gather"),
        "obj": ("thorny thistles", "those feathers", "this leather", "thirteen things"),
        "end": ("on Thursday", "beneath the path", "through the thaw", "with both hands"),
    },
    "fl": {
        "adj": ("fluffy", "flat", "five flimsy", "fresh"),
        "noun": ("flamingos", "flies", "florists", "fleets"),
        "verb": ("flip", "float", "flee", "follow"),
        "obj": ("floral flags", "flaming flares", "flax and flour", "floppy flippers"),
        "end": ("from the floor", "in the flood", "over the fence", "for fun"),
    },
    "b": {
        "adj": ("big black", "brave", "busy", "bright blue"),
        "noun": ("bakers", "beetles", "bears", "builders"),
        "verb": ("bake", "bounce", "bring", "break"),
        "obj": ("bitter butter", "brown boxes", "broken bricks", "bread by the bucket"),
        "end": ("behind the barn", "before bedtime", "on the beach", "beside the bridge"),
    },
    "k": {
        "adj": ("quick", "clean", "cross", "kind"),
        "noun": ("cooks", "kings", "cats", "clerks"),
        "verb": ("crack", "keep", "count", "cook"),
        "obj": ("crisp crackers", "copper coins", "cups of cocoa", "keys and clocks"),
        "end": ("in the cool kitchen", "at the corner", "by the creek", "without a cloth"),
    },
}
"""Sound → parts of a tongue twister."""

AGAIN = ("{a}, {A}, {A}, said the parrot.", "The {n} ran and ran and ran until dark.",
         "It was a very, very, very {q} {n}.", "{b} is {B}, and {B} it will stay.",
         "No, no, no, not that {n}, the other {n}!", "Round and round and round went the {n}.",
         "He knocked again and again, and again nobody came to the {n}.",
         "The {n}, the whole {n}, and nothing but the {n}.", "One {n}, two {n}s, three {n}s, four {n}s.",
         "She said that that {n} was the {n} that they wanted.")  # fmt: skip

AGAIN_WORDS = {
    "a": ("Hello", "Good night", "Come in", "Wait a minute", "Not today", "Who's there"),
    "b": ("Business", "Home", "Winter", "Work", "Music", "Silence"),
    "n": ("wheel", "horse", "river", "door", "clock", "garden", "letter", "boat", "road", "song"),
    "q": ("old", "long", "small", "quiet", "heavy", "strange"),
}

JOINTS = ("and", "but", "so", "while", "because", "although", "and then", "even though")
