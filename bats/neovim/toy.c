// A tree-sitter parser of a grammar of our own, as its tables: a document is any number of words of small letters.
#include <stdbool.h>
#include <stdint.h>

enum { END, WORD, DOCUMENT, WORDS, SYMBOLS };
enum { SHIFT, REDUCE, ACCEPT, RECOVER };

typedef struct Lexer Lexer;
struct Lexer {
    int32_t lookahead;
    uint16_t symbol;
    void (*advance)(Lexer *, bool skip);
    void (*mark_end)(Lexer *);
    uint32_t (*column)(Lexer *);
    bool (*at_range_start)(const Lexer *);
    bool (*eof)(const Lexer *);
};

typedef union {
    struct { uint8_t type; uint16_t state; bool extra, repetition; } shift;
    struct { uint8_t type, children; uint16_t symbol; int16_t precedence; uint16_t production; } reduce;
    struct { uint8_t count; bool reusable; } head;
} Action;

typedef struct { bool visible, named, supertype; } Metadata;
typedef struct { uint16_t lex, external; } Mode;

typedef struct {
    uint32_t version, symbols, aliases, tokens, externals, states, large_states, productions, fields;
    uint16_t alias_length;
    const uint16_t *table, *small_table;
    const uint32_t *small_map;
    const Action *actions;
    const char *const *names, *const *field_names;
    const void *field_slices, *field_entries;
    const Metadata *metadata;
    const uint16_t *public_symbols, *alias_map, *alias_sequences;
    const Mode *modes;
    bool (*lex)(Lexer *, uint16_t);
    bool (*keyword_lex)(Lexer *, uint16_t);
    uint16_t keyword;
    struct { const void *states, *map, *create, *destroy, *scan, *serialize, *deserialize; } external;
    const uint16_t *primary_states;
} Language;

static bool is_letter(Lexer *lexer) { return lexer->lookahead >= 'a' && lexer->lookahead <= 'z'; }

static bool lex(Lexer *lexer, uint16_t state) {
    (void)state;
    while (lexer->lookahead == ' ' || (lexer->lookahead >= '\t' && lexer->lookahead <= '\r'))
        lexer->advance(lexer, true);
    if (lexer->eof(lexer)) {
        lexer->symbol = END;
        lexer->mark_end(lexer);
        return true;
    }
    if (!is_letter(lexer)) return false;
    while (is_letter(lexer)) lexer->advance(lexer, false);
    lexer->symbol = WORD;
    lexer->mark_end(lexer);
    return true;
}

static const char *const names[] = {"end", "word", "document", "words"};
static const Metadata metadata[] = {{false, true, false}, {true, true, false}, {true, true, false}, {false, false, false}};
static const uint16_t symbols[] = {END, WORD, DOCUMENT, WORDS}, no_aliases[] = {0, 0}, states[] = {0, 1, 2, 3, 4};
static const Mode modes[5];

// A row a state: the action at the end and at a word, the state after a document and after words.
static const uint16_t table[][SYMBOLS] = {{1, 1, 0, 0}, {3, 5, 4, 2}, {7, 9, 0, 3}, {11, 13, 0, 3}};
static const uint16_t small_table[] = {1, 16, 1, END};
static const uint32_t small_map[] = {0};
#define HEAD(n, again) {.head = {n, again}}
static const Action actions[] = {
    HEAD(0, false),
    HEAD(1, false), {.reduce = {.type = RECOVER}},
    HEAD(1, true), {.reduce = {REDUCE, 0, DOCUMENT, 0, 0}},
    HEAD(1, true), {.shift = {SHIFT, 2, false, false}},
    HEAD(1, true), {.reduce = {REDUCE, 1, DOCUMENT, 0, 0}},
    HEAD(1, true), {.shift = {SHIFT, 3, false, false}},
    HEAD(1, true), {.reduce = {REDUCE, 2, WORDS, 0, 0}},
    HEAD(2, true), {.reduce = {REDUCE, 2, WORDS, 0, 0}}, {.shift = {SHIFT, 3, false, true}},
    HEAD(1, true), {.reduce = {.type = ACCEPT}},
};

static const Language language = {
    .version = 14, .symbols = SYMBOLS, .tokens = 2, .states = 5, .large_states = 4, .productions = 1, .alias_length = 2,
    .table = &table[0][0], .small_table = small_table, .small_map = small_map, .actions = actions,
    .names = names, .metadata = metadata, .public_symbols = symbols, .alias_map = no_aliases,
    .alias_sequences = no_aliases, .modes = modes, .lex = lex, .primary_states = states,
};

const void *tree_sitter_toy(void) { return &language; }
