"""The French, German and Spanish grammars of the synthetic corpus."""

from __future__ import annotations

from types import MappingProxyType


def _words(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split("|"))


FRENCH = MappingProxyType(
    {
        "sentence": (
            "{np} {vt} {np}.",
            "{np} {vt} {np} {where}.",
            "{when}, {np} {vi} {where}.",
            "{name} {vt} {np} {when}.",
            "est-ce que {name} {vt} {np}?",
            "pourquoi {name} {vi} {where}?",
            "{np} {vi}, mais {np} {vt} {np}.",
            "{name} dit que {np} {vi} {when}.",
        ),
        "np": _words(
            "le juge|la rivière|un grand jardin|une feuille jaune|le pain frais|la jeune reine|mon oncle|ma sœur|"
            "un vieux chien|cette étoile|l'oiseau bleu|le garçon|la montagne|un œuf|le champignon|la grenouille|"
            "les enfants|une histoire drôle|le vent du nord|la lumière|un bon vin blanc|la cuisine|quelqu'un|"
            "le village endormi|une chaise rouge|la pluie|les yeux gris|un train rapide"
        ),
        "name": _words("Julien|Hélène|Gérard|Françoise|Yves|Monsieur Dubois|Madame Leroux|Agnès|Zoé|Guillaume"),
        "vt": _words(
            "regarde|cherche|trouve|mange|oublie|attend|appelle|reçoit|choisit|voit|peint|prend|aime|suit|garde|"
            "vend|ouvre|cache|emporte|comprend|lave|gagne|jette|éteint"
        ),
        "vi": _words("chante|dort|tombe|arrive|rit|court|pleure|voyage|brille|part|attend|disparaît|danse|grandit"),
        "where": _words(
            "dans la rue|sous le pont|près du feu|à la campagne|au bord de la mer|derrière l'église|chez le boucher|"
            "sur le toit|en haut de la colline|loin d'ici|au coin du bois"
        ),
        "when": _words("hier soir|demain matin|en juin|ce jeudi|à minuit|depuis huit jours|un peu plus tard|souvent"),
    }
)
"""Slot → alternatives of the French sentences."""

GERMAN = MappingProxyType(
    {
        "sentence": (
            "{np} {vt} {acc}.",
            "{np} {vt} {acc} {where}.",
            "{when} {vi} {np} {where}.",
            "{name} {vt} {acc}.",
            "warum {vt} {name} {acc}?",
            "{np} {vi} {where}, und {name} {vt} {acc}.",
            "wo {vi} {name} {when}?",
            "{name} sagt, {np} {vi} {when}.",
        ),
        "np": _words(
            "der Richter|die schöne Brücke|das Mädchen|ein alter Fuchs|die junge Königin|mein Onkel|unsere Köchin|"
            "der fröhliche Junge|das kleine Pferd|die Zeitung|jeder Zweig|der Mond|das Feuer|eine Eule|ein Zwerg|"
            "die weiße Katze|der Jäger|das Echo|der Ärztin Bruder|die Übung"
        ),
        "acc": _words(
            "den Apfel|die rote Tür|das Buch|einen Schlüssel|eine Tasche|das große Haus|den Vogel|die Küche|"
            "zwölf Löffel|fünf Bücher|das Gemüse|den höchsten Turm|einen Brief|die Geschichte|das Licht|"
            "seine Freundin|ihren Hut|den Zug nach Leipzig|nichts|das Schiff|vier Zwetschgen"
        ),
        "name": _words("Jürgen|Käthe|Wolfgang|Anja|Frau Schäfer|Herr Zeisig|Günther|Heidi|Joachim|Ulrike"),
        "vt": _words(
            "sucht|findet|kauft|vergisst|öffnet|zeichnet|hört|sieht|bringt|nimmt|verkauft|küsst|versteckt|schiebt|"
            "wünscht|braucht|gießt|zerbricht|begrüßt|jagt"
        ),
        "vi": _words("schläft|singt|lacht|wartet|springt|läuft|träumt|flüstert|zittert|tanzt|schweigt|leuchtet|fährt"),
        "where": _words(
            "im Garten|auf dem Dach|unter der Brücke|hinter der Kirche|am Fluss|in der Küche|vor dem Fenster|"
            "neben dem Ofen|auf der Straße|bei den Nachbarn|zwischen den Bäumen"
        ),
        "when": _words("heute|gestern Abend|im Juli|am Donnerstag|um zwölf Uhr|jeden Morgen|plötzlich|manchmal"),
    }
)
"""Slot → alternatives of the German sentences."""

SPANISH = MappingProxyType(
    {
        "sentence": (
            "{np} {vt} {np}.",
            "{np} {vt} {np} {where}.",
            "{when}, {np} {vi} {where}.",
            "{name} {vt} {np} {when}.",
            "¿por qué {vt} {name} {np}?",
            "¿dónde {vi} {name}?",
            "{np} {vi}, pero {np} {vt} {np}.",
            "{name} dice que {np} {vi} {when}.",
        ),
        "np": _words(
            "el juez|la lluvia|un perro viejo|la niña alegre|el río ancho|una guitarra|el jefe|mi hermano|la zorra|"
            "un queso fresco|la ciudad|el caballo gris|una llave|el pájaro|la cocina|cinco gatos|el agua fría|"
            "un reloj roto|la reina|ese muchacho|la montaña|una carta breve|el viejo faro|la luz"
        ),
        "name": _words("Javier|Lucía|Jorge|Begoña|Raúl|Señor Ibáñez|Doña Carmen|Guillermo|Chelo|Ximena"),
        "vt": _words(
            "busca|encuentra|compra|olvida|abre|dibuja|oye|mira|trae|vende|esconde|empuja|quiere|rompe|saluda|llama|"
            "recoge|sigue|pinta|lleva"
        ),
        "vi": _words("duerme|canta|ríe|espera|salta|corre|sueña|tiembla|baila|calla|brilla|viaja|crece|llora"),
        "where": _words(
            "en el jardín|bajo el puente|sobre el tejado|junto al fuego|detrás de la iglesia|en la calle|cerca del mar|"
            "entre los árboles|en lo alto del cerro|a la sombra"
        ),
        "when": _words("hoy|ayer por la noche|en julio|el jueves|a las doce|cada mañana|de repente|algunas veces"),
    }
)
"""Slot → alternatives of the Spanish sentences."""
