"""The English grammar of the synthetic corpus: every phoneme in varied neighbourhoods, 3 to 20 words."""

from __future__ import annotations

from types import MappingProxyType


def _words(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split("|"))


ENGLISH = MappingProxyType(
    {
        "sentence": (
            "{np} {vt} {np}.",
            "{np} {vt} {np} {where}.",
            "{when}, {np} {vt} {np}.",
            "{np} {vi} {where}.",
            "{np} {vi} {how}, and {np} {vi} {where}.",
            "{name} {vt} {np} {when}.",
            "{name} and {name} {vi} {where} {when}.",
            "did {name} {vb} {np} {where}?",
            "why would {name} {vb} {np}?",
            "could you {vb} the {noun}, please?",
            "please {vb} {np} {where}.",
            "do not {vb} the {adj} {noun}!",
            "{number} {nouns} {vi} {where}.",
            "there are {number} {adj} {nouns} {where}.",
            "I thought {name} {vt} {np}, but it was only a {adj} {noun}.",
            "we {vt} {number} {nouns} and {number} {nouns} {when}.",
            "what a {adj} {noun}!",
            "if {np} {vi}, {name} {vt} {np}.",
            "the {noun} of the {noun} was {adj}, {adj} and {adj}.",
            "{name} said: the {noun} {vi} {how}.",
            "where is the {adj} {noun}?",
            "{np} {vt} {np} because {np} {vi}.",
            "she {how} {vt} his {noun}, while he {vt} her {noun}.",
            "yes, {np} {vi} {when}.",
            "no, they {vt} {np} {where}.",
        ),
        "np": (
            "the {noun}",
            "the {adj} {noun}",
            "a {adj} {noun}",
            "my {noun}",
            "their {adj} {noun}",
            "every {noun}",
            "{name}",
            "this {noun}",
            "our {noun}",
            "your {adj} {noun}",
            "the {nouns}",
            "both {nouns}",
        ),
        "name": _words(
            "Charles|Judith|Ruth|Theo|Yvonne|Zachary|Sean|Beatrice|George|Hugh|Joyce|Keith|Laura|Maurice|Noah|Olivia|"
            "Paula|Quentin|Rachel|Sophie|Thomas|Ursula|Vivian|Walter|Xavier|Doctor Young|Captain Shaw|Aunt Faye|"
            "Uncle Roy|Mister Thatcher|Phoebe|Gwen"
        ),
        "noun": _words(
            "judge|bridge|river|treasure|garage|measure|mother|father|thief|feather|weather|oyster|boy|voice|cow|"
            "mountain|house|window|yellow bird|chair|bear|beer|tour|engine|angel|onion|uncle|island|hour|owl|eagle|"
            "idea|orange|umbrella|shoe|shepherd|sheep|ship|cherry|church|watch|witch|wheel|whale|question|queen|"
            "quilt|quarter|singer|king|ring|finger|kitchen|kettle|goat|giraffe|glove|gate|vase|valley|village|zebra|"
            "zone|prize|puzzle|television|teacher|thumb|theatre|thread|three-legged stool|trumpet|drum|dragon|"
            "doctor|dish|dustbin|needle|nurse|nose|lamp|lizard|letter|little girl|wolf|wagon|yacht|university|"
            "musician|human|huge horse|hammer|harbour|blackboard|bottle|button|book|brush|basket|banana|bus|box|"
            "axe|pickle|apple|purple pencil|pillow|pool|spoon|moon|mirror|mouse|machine|mushroom|film|fox|photograph"
            "|floor|flower|frog|world|girl|bird|nurse|earth|shirt|scarf|school|screen|string|spring|splash|strength"
            "|sixth clue|cloth|clothes|month|mouth|path|truth|youth|lounge|leisure centre|collision|vision|decision"
        ),
        "nouns": _words(
            "judges|bridges|rivers|matches|wishes|boxes|feathers|voices|cows|mountains|houses|windows|chairs|engines|"
            "onions|owls|shoes|ships|churches|watches|wheels|questions|rings|fingers|goats|gloves|valleys|puzzles|"
            "months|mouths|clothes|thieves|wolves|knives|leaves|flowers|frogs|worlds|girls|birds|shirts|schools|"
            "strings|apples|bottles|books|brushes|mirrors|mice|children|women|geese|oxen|teeth|youths|decisions"
        ),
        "adj": _words(
            "ancient|beige|blue|brave|broad|calm|careful|cheerful|cold|curious|dangerous|dark|deep|dusty|early|easy|"
            "empty|enormous|faint|famous|fierce|fresh|funny|furious|gentle|ghostly|golden|green|grey|happy|harsh|"
            "heavy|hollow|huge|humble|icy|jolly|joyful|junior|kind|large|lazy|little|loud|lovely|loyal|lucky|massive|"
            "mild|modern|muddy|narrow|noisy|nervous|new|odd|orange|pale|patient|plain|proud|pure|quick|quiet|rare|"
            "rough|round|royal|rusty|sad|sharp|shallow|shy|silver|smooth|sour|square|strange|strong|sudden|sweet|"
            "tall|thick|thin|thirsty|tiny|tough|treasured|ugly|unusual|useful|vague|vast|violet|warm|weird|white|wild"
            "|wise|wooden|worthy|wrong|yellow|young|zealous"
        ),
        "vt": _words(
            "watched|judged|measured|moved|caught|taught|bought|brought|fought|followed|found|fed|filled|fixed|forgave"
            "|thanked|threw|threatened|breathed on|bathed|loathed|loved|left|lifted|liked|lost|pleased|praised|"
            "painted|pulled|pushed|put away|pointed at|enjoyed|avoided|joined|destroyed|shouted at|showed|shook|"
            "should have seen|chose|chased|cheered|changed|charged|rescued|recorded|reached|wrote about|rode past|"
            "understood|used|visited|valued|vanquished|washed|wanted|warned|woke|yelled at|yielded to|zipped up|"
            "squeezed|questioned|quoted|discovered|doubted|dragged|drew|drove|gathered|guessed|guided|grasped|kicked|"
            "kissed|kept|cooked|carried|counted|crossed|called|held|heard|hid|hated|heated|hung|sang to|saw|sold|sent|"
            "smelled|splashed|stretched|struck|scratched|sketched|noticed|named|needed|mixed|missed|mended|met"
        ),
        "vb": _words(
            "watch|judge|measure|move|catch|teach|bring|follow|find|feed|fix|forgive|thank|throw|bathe|love|leave|"
            "lift|lose|please|paint|pull|push|enjoy|avoid|join|show|shake|choose|chase|change|rescue|reach|use|visit|"
            "wash|wake|zip|squeeze|question|discover|drag|draw|drive|gather|guess|guide|kick|keep|cook|carry|count|"
            "cross|call|hold|hear|hide|heat|hang|see|sell|send|smell|splash|stretch|scratch|notice|name|mix|mend|meet"
        ),
        "vi": _words(
            "laughed|slept|shivered|shone|vanished|waited|whispered|yawned|jumped|joked|changed|chuckled|choked|"
            "breathed|bounced|boiled|burned|cried|crashed|coughed|danced|dreamed|drowned|fell|flew|froze|floated|"
            "grew|growled|hummed|hurried|hesitated|knelt|lingered|listened|lied|marched|moved|paused|played|prayed|"
            "quarrelled|rose|rolled|roared|ran|sang|sneezed|sighed|stood|stumbled|swam|spun|shouted|thought|thundered"
            "|trembled|turned|voted|wept|worried|wandered|zoomed"
        ),
        "how": _words(
            "quietly|loudly|slowly|quickly|gently|roughly|joyfully|usually|casually|strangely|thoughtfully|carefully|"
            "easily|hardly|nearly|together|all the while|in silence|with pleasure|without a word|as usual|rather well"
        ),
        "where": _words(
            "by the river|under the bridge|in the garden|on the roof|near the harbour|behind the church|at the zoo|"
            "over the hills|through the forest|between two houses|beyond the valley|around the world|along the path|"
            "above the clouds|below the surface|inside the cave|outside the theatre|across the square|towards the sea"
            "|in the north|in the south|next to the garage|in Asia|in Europe|on the fourth floor|at the junction|"
            "beside the pool|in the kitchen|on the beach|down the chimney|up the stairs"
        ),
        "when": _words(
            "yesterday|today|this morning|last Thursday|on Wednesday|in January|in July|every month|at noon|at dawn|"
            "before lunch|after the show|during the war|a year ago|long ago|at half past three|on the fifth of May|"
            "once a week|just now|years later|in the autumn|two hours earlier|for a while|until midnight|"
            "in nineteen eighty four|on his birthday"
        ),
        "number": _words(
            "two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen|"
            "eighteen|nineteen|twenty|thirty three|forty six|fifty one|sixty seven|seventy two|eighty eight|"
            "ninety nine|a hundred and five|a thousand|several|many|few|no"
        ),
    }
)
"""Slot → alternatives of the English sentences."""
