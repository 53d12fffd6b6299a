"""stub"""


class Composed: ...
