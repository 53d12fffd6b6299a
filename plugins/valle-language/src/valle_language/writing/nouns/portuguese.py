"""The gender of Portuguese nouns: -o and -a with their exceptions, other endings by rule and list."""

from __future__ import annotations

from valle_language.writing.nouns.lookup import gender_of, listed

_MASCULINE = listed(
    "dia mapa problema programa sistema tema poema clima idioma planeta cometa poeta sofá drama dilema sintoma "
    "fantasma diploma "
    "esquema lema panorama teorema pijama guarda artista turista jornalista dentista taxista atleta colega camarada "
    "grama "
    "quilograma telefonema cinema homem nome pai padre leite dente peixe mês país inglês português café chá pé avô "
    "avião pão "
    "coração irmão limão botão cão verão cartão feijão leão milhão bilhão patrão portão fogão violão caminhão "
    "algodão capitão cidadão órgão sabão sótão alemão elefante estudante cliente gigante presidente restaurante "
    "habitante "
    "diamante volante instante hotel papel nível gol metal animal hospital jornal canal final total sol mar lugar "
    "bar lar ar "
    "autocarro ônibus lápis atlas vírus gás juiz rapaz arroz nariz cartaz índice filme time clube euro dólar carro "
    "exame nome "
    "enorme telefone microfone envelope cheque bosque parque ataque bilhete sabonete foguete sorvete chocolate "
    "tomate limite"
)
_FEMININE = listed(
    "mão foto moto tribo libido noite classe parte gente carne nave neve torre fonte morte sorte arte base frase "
    "fase mente mãe "
    "tarde ponte série espécie superfície planície mulher flor luz voz vez cruz paz raiz matriz atriz pele lei rede "
    "parede sede crise tese análise síntese dose cor dor manhã irmã maçã lã avó fé chave nuvem imagem viagem "
    "mensagem garagem "
    "coragem ordem margem origem vantagem página personagem linguagem montagem paisagem porcentagem percentagem "
    "garagem "
    "árvore hélice fome febre estante couve "
    "catedral capital cal gripe equipe equipa mesa colher ave chave face"
)
_ENDINGS = {
    **dict.fromkeys(
        (
            "a",
            "ção",
            "são",
            "ssão",
            "xão",
            "gião",
            "nião",
            "tião",
            "dade",
            "tude",
            "gem",
            "ície",
            "ice",
            "ez",
            "triz",
            "ã",
        ),
        "f",
    ),
    **dict.fromkeys(
        ("o", "e", "or", "ão", "ema", "oma", "á", "é", "ó", "ê", "ô", "i", "u", "l", "m", "r", "s", "z", "ista"), "m"
    ),
    **dict.fromkeys(("vista", "lista", "pista", "crista", "gema", "goma", "soma", "roma"), "f"),
}


def gender(noun: str) -> str:
    """`m`, `f` or ""."""
    word = noun.lower()
    forms = [word]
    for plural, singular in (("ões", "ão"), ("ães", "ão"), ("ãos", "ão"), ("ais", "al"), ("éis", "el"), ("óis",
    "ol"), ("ens", "em"), ("zes", "z"),
                             ("res", "r"), ("ses", "s"), ("s", "")):  # fmt: skip
        if word.endswith(plural) and len(word) > len(plural):
            forms.append(word[: -len(plural)] + singular)
    if word.endswith("res"):
        forms.append(word[:-1])
    return gender_of([*forms[1:], word], _MASCULINE, _FEMININE, _ENDINGS)
