"""The gender of Spanish nouns: -o and -a with their exceptions, other endings by list."""

from __future__ import annotations

from valle_language.writing.nouns.lookup import gender_of, listed

_MASCULINE = listed(
    "día mapa problema programa sistema tema poema clima idioma planeta cometa poeta sofá drama dilema síntoma "
    "fantasma "
    "diploma esquema lema panorama teorema papa pijama tranvía guardia policía atleta artista deportista turista "
    "periodista "
    "futbolista pianista dentista taxista camarada colega hombre nombre padre coche bosque puente diente viaje mes "
    "mensaje "
    "aceite aire baile billete bote café cheque chiste cine cliente corte deporte desastre detalle diamante disparate "
    "dólar euro elefante equipaje estudiante gigante golpe guante habitante hombre informe jefe lápiz límite lote "
    "maíz "
    "paisaje paquete pasaje peine personaje pez pie postre presidente príncipe puente restaurante sastre sobre tanque "
    "tomate traje triángulo valle vientre volante avión camión corazón buzón ratón botón balón cajón rincón jabón "
    "millón "
    "guion árbol sol hotel papel nivel gol metal animal hospital canal final total mar lugar bar país autobús gas "
    "interés "
    "análisis paréntesis lunes martes miércoles jueves viernes crimen examen volumen origen orden jardín tren pan "
    "plan fin"
)
_FEMININE = listed(
    "mano foto moto radio noche calle clase parte gente leche sangre carne llave nube torre fuente suerte muerte "
    "tarde base frase fase mente nave nieve peste serie especie superficie planicie mujer flor luz voz vez cruz paz "
    "nariz raíz "
    "perdiz codorniz cicatriz actriz emperatriz matriz sal piel miel cárcel señal catedral capital imagen ley red "
    "pared sed razón sazón crisis tesis hipótesis dosis síntesis labor sor coliflor legumbre costumbre cumbre lumbre "
    "estrella reina tribu libido sede clave llave tos res hélice índole madre hambre sílaba agua águila alma aula "
    "arma "
    "hacha área ave ala hada ama arca habla persona"
)
_STRESSED_A = listed("agua águila alma aula arma hacha área ave ala hada ama arca habla hambre ancla asa alga")
_ENDINGS = {
    **dict.fromkeys(
        ("a", "ción", "sión", "xión", "gión", "nión", "dad", "tad", "tud", "umbre", "ie", "ez", "triz"), "f"
    ),
    **dict.fromkeys(("o", "e", "or", "aje", "ma", "í", "ú", "l", "n", "r", "s"), "m"),
    **dict.fromkeys(
        ("cama", "rama", "fama", "dama", "llama", "trama", "forma", "firma", "norma", "suma", "cima", "lima"), "f"
    ),
    **dict.fromkeys(("ctima", "lágrima", "prima", "rima", "alarma", "palma", "pluma", "espuma", "broma", "goma"), "f"),
    **dict.fromkeys(("loma", "paloma", "yema", "crema", "norma", "plataforma", "semana"), "f"),
}


def gender(noun: str) -> str:
    """`m`, `f` or ""."""
    word = noun.lower()
    forms = [word]
    if word.endswith("ces"):
        forms.append(f"{word[:-3]}z")
    if word.endswith("iones"):
        forms.append(f"{word[:-4]}ón")
    if word.endswith("es"):
        forms += [word[:-1], word[:-2]] if word[:-1] in _MASCULINE | _FEMININE else [word[:-2]]
    if word.endswith("s"):
        forms.append(word[:-1])
    return gender_of([*forms[1:], word], _MASCULINE, _FEMININE, _ENDINGS)


def begins_with_stressed_a(noun: str) -> bool:
    """`un águila`: feminine nouns that take the masculine article in the singular."""
    return noun.lower() in _STRESSED_A
