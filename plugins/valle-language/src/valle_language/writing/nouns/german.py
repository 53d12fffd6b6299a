"""The gender of German nouns: frequent ones by list, else by ending, else by what a compound ends in."""

from __future__ import annotations

from valle_language.writing.nouns.lookup import listed

_MASCULINE = listed(
    "Abend Abschnitt Akt Ansatz Anteil Antrag Apfel Arm Artikel Arzt Ast Aufsatz Ausflug Bahnhof Ball Band Bauer Baum "
    "Becher Berg Beruf Besuch Bezirk Bissen Bogen Brief Bruder Bus Cent Chef Computer Dollar Durchgang Eimer Euro "
    "FC SC "
    "SV Fall Fehler Film Finger Fisch Fluss Franken Freund Fuß Gang Gast Geburtstag Gegner Grad Grund Gruß Hafen Hals "
    "Hammer Hase Herr Hof Hund Hut Ingenieur Januar Februar März April Mai Juni Juli August September Oktober "
    "November "
    "Dezember Job Junge Kaffee Kaiser Kampf Kandidat Kanal Kasten Kilometer Klub Koffer Kopf Korb Kreis Krieg "
    "Kuchen Kurs "
    "König Laden Lauf Lehrer Liter Löffel Löwe Mann Markt Meter Mensch Millimeter Minister Monat Mond Morgen Motor "
    "Mund "
    "Nachbar Name Ort Park Patient Platz Polizist Präsident Preis Prozess Punkt Quadratmeter Rang Raum Reifen Ring "
    "Roman "
    "Sack Saft Satz Schlag Schlüssel Schritt Schuh Schüler Sieg Sitz Sohn Soldat Spieler Stein Stern Stock Student "
    "Stuhl "
    "Tag Tee Teil Teller Test Tisch Titel Ton Topf Tropfen Turm Tote Unfall Urlaub Vater Verein Versuch Vertrag "
    "Vogel Wagen "
    "Wald Weg Wein Weltkrieg Wert Winter Sommer Herbst Frühling Wolf Wunsch Zahn Zentimeter Zug Zweig Euro Yen"
)
_FEMININE = listed(
    "Adresse Angst Anlage Arbeit Art Auflage Aufgabe Axt Bahn Bank Blume Box Braut Burg Bundesliga Butter CD DVD Dame "
    "Dauer E-Mail Ecke Etage Familie Farbe Fahrt Faust Feder Flasche Folge Form Frage Frau Frucht Gans Gefahr "
    "Geschichte "
    "Gruppe Halbzeit Hand Haut Hilfe Idee Jahreszeit Kartoffel Karte Katze Kirche Kiste Klasse Kraft Kuh Kunst Kurve "
    "Lampe Liga Liste Luft Macht Mail Mannschaft Maus Meile Menge Milliarde Million Mutter Nacht Nadel Nase Note Nuss "
    "Oma Oper Partei Pause Person Pflanze Post Quelle Reihe Reise Rolle Rose Runde Sache Saison Schule Schwester "
    "Seite "
    "Sekunde Sprache SMS Staffel Stadt Stelle Stimme Straße Strophe Stufe Stunde Tafel Tasche Tasse Tochter Tonne Tür "
    "Uhr Vase Wand Welt Wiese Woche Wohnung Wurst Zahl Zeile Zeit Zelle Zitrone Zwiebel Minute Dekade Kugel Regel "
    "Insel "
    "Gabel Schachtel Schüssel Leiter Feier Mauer Steuer Ziffer Nummer Kammer Leber Schulter Faser Ader Oberliga"
)
_NEUTER = listed(
    "Auge Auto Bad Baby Band Bett Bier Bild Blatt Boot Brot Buch Büro Dach Dorf Drittel Ei Eis Ende Euro Fach "
    "Fahrrad Feld "
    "Fenster Fest Feuer Foto Geschäft Geschenk Gesetz Gesicht Gewicht Glas Gramm Grad Haar Haus Hemd Herz Holz Hotel "
    "Huhn Jahr Jahrhundert Jahrtausend Jahrzehnt Kapitel Kilo Kilogramm Kind Kino Kleid Knie Konto Land Lied Loch Mal "
    "Meer Mädchen Messer Metall Mitglied Museum Netz Obergeschoss Ohr Opfer Paar Paket Papier Pferd Pfund Problem "
    "Projekt "
    "Quartal Rad Rätsel Rennen Resultat Restaurant Schaf Schiff Schloss Schwein Semester Spiel Stück System Tal Team "
    "Telefon Theater Tier Tor Tuch Ufer Untergeschoss Viertel Volk Wasser Werk Wochenende Wort Wunder Zeichen Ziel "
    "Zimmer Halbjahr Zentrum Prozent Promille Fünftel Achtel Zehntel Bit Byte Watt Volt Hertz Studium Album"
)  # fmt: skip
_ENDINGS = (
    ("f", ("ung", "heit", "keit", "schaft", "tion", "sion", "tät", "ik", "erei", "enz", "anz", "ur", "ie", "itis")),
    ("n", ("chen", "lein", "ment", "tum", "ium", "ma", "nis")),
    ("m", ("ismus", "ling", "ant", "ent", "ist", "eur", "or", "ich", "ig", "er", "el", "en")),
    ("f", ("in", "e")),
)


def gender(noun: str) -> str:
    """`m`, `f` or `n`; "" where neither the list, the ending nor the last part of a compound tells."""
    for found, nouns in (("m", _MASCULINE), ("f", _FEMININE), ("n", _NEUTER)):
        if noun in nouns:
            return found
    for start in range(3, len(noun) - 2):  # the longest part of a compound that is known
        part = noun[start].upper() + noun[start + 1 :]
        for found, nouns in (("m", _MASCULINE), ("f", _FEMININE), ("n", _NEUTER)):
            if part in nouns:
                return found
    if len(noun) > 3:
        for found, endings in _ENDINGS:
            if noun.endswith(endings):
                return found
    return ""
