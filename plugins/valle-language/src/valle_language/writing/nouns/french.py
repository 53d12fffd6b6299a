"""The gender of French nouns: exceptions by list, the rest by ending; a final e is feminine more often than not."""

from __future__ import annotations

from valle_language.writing.nouns.lookup import gender_of, listed

_MASCULINE = listed(
    "accessoire acte adulte adversaire album âge anniversaire arbitre arbre archipel article artiste athlète "
    "bâtiment beurre "
    "bénéfice café camarade capitaine caractère cadavre cadre cas catalogue centime centimètre centre cercle "
    "chapitre chiffre "
    "chêne ciel cimetière cinéma client codes code coffre collège commentaire commerce comte concombre concile "
    "contraire couple "
    "coude crâne crime critère cygne degré diamètre dictionnaire dimanche disque domaine domicile doute drame élève "
    "empire "
    "épisode équilibre espace établissement être exemple exercice fantôme fleuve foie formulaire frère génie genre "
    "geste "
    "gigabit gigaoctet golfe gouffre groupe homme hectare honoraire hôpital immeuble incendie insecte itinéraire "
    "jeune juge kilomètre "
    "légume lycée litre livre locataire lièvre magazine maire maître malade manque massacre masque membre "
    "mercenaire mètre meuble "
    "milliardaire ministre miracle mois monde monastère monstre moustique mode motif muscle musée musicien mystère "
    "navire nombre "
    "nuage obstacle oncle ongle orage ordre organe orchestre organisme ouvrage papier parapluie participe "
    "partenaire passage pays "
    "peigne père pétale peuple phare philosophe pianiste pirate plâtre poème poste poivre pôle portefeuille pouce "
    "prénom prêtre "
    "prince principe problème procédé propriétaire programme proverbe quatuor quadrilatère rêve règne refuge "
    "registre remède "
    "reproche reste risque rôle royaume sable sac salaire sang satellite sable seigle service sexe siècle signe "
    "silence singe site "
    "souffle spectacle squelette stade stage style sucre supplémentaire symbole symptôme système téléphone temple "
    "temps terme terre-plein "
    "territoire théâtre thème tigre timbre titre tome tonnerre tour touriste trésor triangle trimestre trophée "
    "trouble type vase vélo ventre "
    "verbe verre véhicule vertige vestiaire vinaigre violoncelle visage vocabulaire volontaire volume voyage zèbre "
    "zodiaque diplôme dôme "
    "fichier joueur pétrolier personnage témoignage arrondissement euro dollar yen franc mort cèdre cigare concours "
    "cours fois"
)
_FEMININE = listed(
    "action boisson chanson cloison cour couleur cuiller dent douleur eau erreur faim fin fleur fois façon forêt "
    "fourmi fraction "
    "guérison horreur humeur jument largeur leçon livraison loi longueur main maison mer mort moisson mère mesure "
    "nuit odeur oasis oraison part paix peau perdrix peur photo moto radio vidéo auto raison région réunion saison "
    "sœur soif souris "
    "surface toison tour tribu valeur vertu vis vitesse voix noix croix clé clef nef chair cuillère hauteur "
    "épaisseur chaleur lueur "
    "lettre fenêtre montre poutre vitre huître rencontre chambre ombre table fable étable cible bible foule boucle "
    "règle "
    "page image plage cage rage nage école étoile toile voile salle heure demeure affaire histoire victoire mémoire "
    "gloire "
    "poire foire armoire baignoire mâchoire nageoire paire grammaire chaire molaire glaire personne femme flamme "
    "gamme "
    "larme âme arme ferme forme plateforme norme réforme dame firme rame lame pomme somme gomme syllabe barbe jambe "
    "tombe"
)
_ENDINGS = {
    **dict.fromkeys(("tion", "sion", "xion", "gion", "aison", "té", "tié", "ée", "e"), "f"),
    **dict.fromkeys(("age", "ège", "isme", "asme", "iste", "mètre", "gramme", "logue", "aume", "ôme", "ome", "cle",
    "scope"), "m"),
    **dict.fromkeys(("aire", "oire", "tre", "dre", "bre", "phe", "graphe", "able", "ible", "ème", "ice", "ège",
    "exe", "ène"), "m"),
    **dict.fromkeys(("ette", "trice", "ance", "ence", "ouze", "aine", "udice"), "f"),
    **dict.fromkeys(("lycée", "musée", "été", "comité", "côté", "traité", "député", "degré", "pâté", "arrêté"), "m"),
}  # fmt: skip


def gender(noun: str) -> str:
    """`m`, `f` or "" (masculine is what a reader expects then)."""
    word = noun.lower()
    singular = f"{word[:-3]}al" if word.endswith("aux") and not word.endswith("eaux") else word.rstrip("sx")
    return gender_of((word, singular), _MASCULINE, _FEMININE, _ENDINGS)
