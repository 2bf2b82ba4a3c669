"""The words by which closed sessions are found. What was said and what is typed into the search go through the same
mill, in SQL; nothing typed can be a syntax error.

PostgreSQL's configuration `simple`: no language is guessed, nothing is stemmed, accents count. Its parser would take
addresses, file names and signed numbers as one word each, of which no part is found: so punctuation goes first, and
what stands between spaces is a word. In scripts that put no spaces between words each character is one: a run of them
is found wherever it stands.
"""

from django.contrib.postgres.search import SearchQueryField
from django.db.models import BooleanField, F, Func
from django.db.models.expressions import RawSQL

from sessions_app.models import ChatSession, Message, Note, SearchText

# A tsvector over 1 MB is an error, and closing a chat must not fail for what was said in it. Cut at each step: one
# character can be eighteen once it is normalised, and two where its script has no spaces. Of a chat the newest lines.
MAX_CHARS = 100_000
MAX_LINES = 2_000

# ASCII's, Latin-1's, general and CJK punctuation. (Not "whatever is no letter": a database in the C locale knows no
# letters beyond ASCII.)
_PUNCTUATION = (
    r"[\u0001-/:-@\[-`{-\u00a9\u00ab-\u00b4\u00b6-\u00b9\u00bb-\u00bf\u2000-\u206f\u3000-\u3004\u3007-\u3020\u30fb]+"
)
# Thai, Lao, Myanmar, Khmer; Japanese, Chinese; Korean, whose particles hang on to the word.
_SPACELESS = (
    r"([\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3006\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af"
    r"\uf900-\ufaff\U00020000-\U0003ffff])"
)


def _words(text: str) -> str:
    """SQL: the words of the SQL expression ``text``, with spaces between them."""
    normal = f"left(lower(normalize(left({text}, {MAX_CHARS}), NFKC)), {MAX_CHARS})"
    plain = f"regexp_replace({normal}, '{_PUNCTUATION}', ' ', 'g')"
    return rf"left(regexp_replace({plain}, '{_SPACELESS}', ' \1 ', 'g'), {MAX_CHARS})"


_SESSION, _MESSAGE, _NOTE, _TEXT = (model._meta.db_table for model in (ChatSession, Message, Note, SearchText))
_WHO = "concat_ws(' ', session.customer_name, session.customer_email, session.conversation_id)"

# Takes an array of sessions' pks. One statement, however many they are.
INDEX = f"""
INSERT INTO {_TEXT} (session_id, words)
SELECT session.id, setweight(to_tsvector('simple', {_words(_WHO)}), 'A')
  || to_tsvector('simple', {_words("coalesce(said.text, '')")})
FROM {_SESSION} AS session
CROSS JOIN LATERAL (
  SELECT string_agg(line.body, ' ' ORDER BY line.place) AS text
  FROM (
    SELECT body, seq AS place FROM {_MESSAGE} WHERE session_id = session.id AND sender_type <> 'system'
    UNION ALL SELECT body, after_seq FROM {_NOTE} WHERE session_id = session.id
    ORDER BY place DESC LIMIT {MAX_LINES}
  ) AS line
) AS said
WHERE session.id = ANY(%s::bigint[]) AND session.closed_at IS NOT NULL
ON CONFLICT (session_id) DO UPDATE SET words = EXCLUDED.words
"""

_WORD = f"phraseto_tsquery('simple', {_words('%s::text')})"
# Empty for a word of punctuation alone, which the others then decide without.
_BEGINNING = f"coalesce((nullif({_WORD}::text, '') || ':*')::tsquery, ''::tsquery)"


def holds(typed: str) -> Func:
    """The condition on sessions that they hold every word of ``typed``, in any order, the last of them as the beginning
    of a word. A word of several parts (an address, a reference, a run of Chinese) is held where they stand together."""
    *words, last = typed.split() or [""]
    query = " && ".join([_WORD] * len(words) + [_BEGINNING])
    return Func(
        F("search_text__words"),
        RawSQL(query, [*words, last], output_field=SearchQueryField()),
        template="%(expressions)s",
        arg_joiner=" @@ ",
        output_field=BooleanField(),
    )
