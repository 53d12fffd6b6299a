"""The gender of Italian nouns in the singular: -o and -a with their exceptions, -e by ending and list."""

from __future__ import annotations

from valle_language.writing.nouns.lookup import gender_of, listed

_MASCULINE = listed(
    "problema programma sistema tema poema clima poeta pianeta cinema dramma schema diploma panorama fantasma papa "
    "pigiama "
    "artista giornalista turista autista dentista atleta collega sofà papà cane pane mese paese ponte padre nome "
    "fiume "
    "mare sole dente piede pesce sale latte miele seme elefante studente cliente gigante presidente insegnante "
    "abitante "
    "ristorante volante diamante animale ospedale giornale canale finale capitale locale euro dollaro film bar bus "
    "autobus "
    "sport hotel computer gol re tè caffè lunedì martedì mercoledì giovedì venerdì sabato ordine limite sangue cuore "
    "cibo esame legame rame bicchiere cameriere quartiere infermiere carabiniere mestiere"
)
_FEMININE = listed(
    "mano foto moto auto radio eco virago chiave notte classe parte gente carne nave neve torre fonte morte sorte "
    "arte base "
    "frase fase mente madre moglie serie specie superficie croce luce pace voce noce pelle valle stella legge rete "
    "sete fede "
    "siepe febbre polvere cenere estate canzone crisi tesi ipotesi analisi sintesi dose mail chat città università "
    "verità "
    "gioventù virtù tribù gru sede fame opinione regione stagione ragione prigione unione religione stazione lente "
    "gente corte "
    "patente corrente sorgente domenica origine immagine pagina vertigine indagine ruggine"
)
_ENDINGS = {
    **dict.fromkeys(
        ("a", "zione", "sione", "gione", "nione", "tà", "tù", "ice", "trice", "ie", "udine", "gine", "i"), "f"
    ),
    **dict.fromkeys(
        ("o", "e", "ore", "ale", "ile", "ere", "iere", "ma", "ista", "ame", "ume", "ente", "ante", "one"), "m"
    ),
    **dict.fromkeys(
        ("camma", "mamma", "fiamma", "gamma", "forma", "norma", "firma", "somma", "gomma", "lama", "fama", "trama"), "f"
    ),
    **dict.fromkeys(
        ("piuma", "schiuma", "rima", "cima", "lima", "prima", "lacrima", "vittima", "anima", "palma", "arma"), "f"
    ),
    **dict.fromkeys(("vista", "lista", "pista", "festa", "crosta", "ittima", "ttimana"), "f"),
    **dict.fromkeys(tuple("bcdfglmnprstvz"), "m"),
}


def gender(noun: str) -> str:
    """`m`, `f` or ""."""
    return gender_of((noun.lower(),), _MASCULINE, _FEMININE, _ENDINGS)
