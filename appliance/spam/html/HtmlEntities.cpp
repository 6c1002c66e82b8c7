// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/html/HtmlEntities.h"

#include "appliance/spam/html/HtmlCharacters.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>

namespace portcullis::spam {

namespace {

struct EntityName {
    std::string_view name;
    char16_t code;
};

// HTML 4.01 §24.2 to §24.4 and &apos; of XML, in the order of their names.
// clang-format off
constexpr std::array entityNames = std::to_array<EntityName>({
    {"AElig", 198}, {"Aacute", 193}, {"Acirc", 194}, {"Agrave", 192}, {"Alpha", 913},
    {"Aring", 197}, {"Atilde", 195}, {"Auml", 196}, {"Beta", 914}, {"Ccedil", 199}, {"Chi", 935},
    {"Dagger", 8225}, {"Delta", 916}, {"ETH", 208}, {"Eacute", 201}, {"Ecirc", 202},
    {"Egrave", 200}, {"Epsilon", 917}, {"Eta", 919}, {"Euml", 203}, {"Gamma", 915}, {"Iacute", 205},
    {"Icirc", 206}, {"Igrave", 204}, {"Iota", 921}, {"Iuml", 207}, {"Kappa", 922}, {"Lambda", 923},
    {"Mu", 924}, {"Ntilde", 209}, {"Nu", 925}, {"OElig", 338}, {"Oacute", 211}, {"Ocirc", 212},
    {"Ograve", 210}, {"Omega", 937}, {"Omicron", 927}, {"Oslash", 216}, {"Otilde", 213},
    {"Ouml", 214}, {"Phi", 934}, {"Pi", 928}, {"Prime", 8243}, {"Psi", 936}, {"Rho", 929},
    {"Scaron", 352}, {"Sigma", 931}, {"THORN", 222}, {"Tau", 932}, {"Theta", 920}, {"Uacute", 218},
    {"Ucirc", 219}, {"Ugrave", 217}, {"Upsilon", 933}, {"Uuml", 220}, {"Xi", 926}, {"Yacute", 221},
    {"Yuml", 376}, {"Zeta", 918}, {"aacute", 225}, {"acirc", 226}, {"acute", 180}, {"aelig", 230},
    {"agrave", 224}, {"alefsym", 8501}, {"alpha", 945}, {"amp", 38}, {"and", 8743}, {"ang", 8736},
    {"apos", 39}, {"aring", 229}, {"asymp", 8776}, {"atilde", 227}, {"auml", 228}, {"bdquo", 8222},
    {"beta", 946}, {"brvbar", 166}, {"bull", 8226}, {"cap", 8745}, {"ccedil", 231}, {"cedil", 184},
    {"cent", 162}, {"chi", 967}, {"circ", 710}, {"clubs", 9827}, {"cong", 8773}, {"copy", 169},
    {"crarr", 8629}, {"cup", 8746}, {"curren", 164}, {"dArr", 8659}, {"dagger", 8224},
    {"darr", 8595}, {"deg", 176}, {"delta", 948}, {"diams", 9830}, {"divide", 247}, {"eacute", 233},
    {"ecirc", 234}, {"egrave", 232}, {"empty", 8709}, {"emsp", 8195}, {"ensp", 8194},
    {"epsilon", 949}, {"equiv", 8801}, {"eta", 951}, {"eth", 240}, {"euml", 235}, {"euro", 8364},
    {"exist", 8707}, {"fnof", 402}, {"forall", 8704}, {"frac12", 189}, {"frac14", 188},
    {"frac34", 190}, {"frasl", 8260}, {"gamma", 947}, {"ge", 8805}, {"gt", 62}, {"hArr", 8660},
    {"harr", 8596}, {"hearts", 9829}, {"hellip", 8230}, {"iacute", 237}, {"icirc", 238},
    {"iexcl", 161}, {"igrave", 236}, {"image", 8465}, {"infin", 8734}, {"int", 8747}, {"iota", 953},
    {"iquest", 191}, {"isin", 8712}, {"iuml", 239}, {"kappa", 954}, {"lArr", 8656}, {"lambda", 955},
    {"lang", 9001}, {"laquo", 171}, {"larr", 8592}, {"lceil", 8968}, {"ldquo", 8220}, {"le", 8804},
    {"lfloor", 8970}, {"lowast", 8727}, {"loz", 9674}, {"lrm", 8206}, {"lsaquo", 8249},
    {"lsquo", 8216}, {"lt", 60}, {"macr", 175}, {"mdash", 8212}, {"micro", 181}, {"middot", 183},
    {"minus", 8722}, {"mu", 956}, {"nabla", 8711}, {"nbsp", 160}, {"ndash", 8211}, {"ne", 8800},
    {"ni", 8715}, {"not", 172}, {"notin", 8713}, {"nsub", 8836}, {"ntilde", 241}, {"nu", 957},
    {"oacute", 243}, {"ocirc", 244}, {"oelig", 339}, {"ograve", 242}, {"oline", 8254},
    {"omega", 969}, {"omicron", 959}, {"oplus", 8853}, {"or", 8744}, {"ordf", 170}, {"ordm", 186},
    {"oslash", 248}, {"otilde", 245}, {"otimes", 8855}, {"ouml", 246}, {"para", 182},
    {"part", 8706}, {"permil", 8240}, {"perp", 8869}, {"phi", 966}, {"pi", 960}, {"piv", 982},
    {"plusmn", 177}, {"pound", 163}, {"prime", 8242}, {"prod", 8719}, {"prop", 8733}, {"psi", 968},
    {"quot", 34}, {"rArr", 8658}, {"radic", 8730}, {"rang", 9002}, {"raquo", 187}, {"rarr", 8594},
    {"rceil", 8969}, {"rdquo", 8221}, {"real", 8476}, {"reg", 174}, {"rfloor", 8971}, {"rho", 961},
    {"rlm", 8207}, {"rsaquo", 8250}, {"rsquo", 8217}, {"sbquo", 8218}, {"scaron", 353},
    {"sdot", 8901}, {"sect", 167}, {"shy", 173}, {"sigma", 963}, {"sigmaf", 962}, {"sim", 8764},
    {"spades", 9824}, {"sub", 8834}, {"sube", 8838}, {"sum", 8721}, {"sup", 8835}, {"sup1", 185},
    {"sup2", 178}, {"sup3", 179}, {"supe", 8839}, {"szlig", 223}, {"tau", 964}, {"there4", 8756},
    {"theta", 952}, {"thetasym", 977}, {"thinsp", 8201}, {"thorn", 254}, {"tilde", 732},
    {"times", 215}, {"trade", 8482}, {"uArr", 8657}, {"uacute", 250}, {"uarr", 8593},
    {"ucirc", 251}, {"ugrave", 249}, {"uml", 168}, {"upsih", 978}, {"upsilon", 965}, {"uuml", 252},
    {"weierp", 8472}, {"xi", 958}, {"yacute", 253}, {"yen", 165}, {"yuml", 255}, {"zeta", 950},
    {"zwj", 8205}, {"zwnj", 8204},
});
// clang-format on

constexpr size_t longestEntityName = 8;  ///< "thetasym"
constexpr size_t longestLatin1Name = 6;  ///< "frac12"
constexpr char32_t lastLatin1 = 0xFF;
constexpr char32_t lastCharacter = 0x10FFFF;
constexpr char32_t replacementCharacter = 0xFFFD;

char32_t codeOfName(std::string_view name)
{
    if (name.size() > longestEntityName) {
        return 0;
    }
    const auto found = std::lower_bound(
        entityNames.begin(), entityNames.end(), name,
        [](const EntityName &entity, std::string_view wanted) { return entity.name < wanted; });
    return found != entityNames.end() && found->name == name ? found->code : 0;
}

constexpr bool continuesEntity(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/// Resolves the references of one text, one after the other.
class EntityDecoder
{
public:
    EntityDecoder(QByteArray &result, QByteArrayView text, EntityPlace place)
        : m_result(result)
        , m_text(text)
        , m_place(place)
    {
    }

    bool decode()
    {
        while (m_at < m_text.size()) {
            const void *found = std::memchr(m_text.data() + m_at, '&',
                                            size_t(m_text.size() - m_at));
            const qsizetype reference = found ? static_cast<const char *>(found) - m_text.data()
                                              : m_text.size();
            m_result.append(m_text.sliced(m_at, reference - m_at));
            m_at = reference;
            if (found) {
                takeReference();
            }
        }
        return m_isWide;
    }

private:
    [[nodiscard]] char peek() const { return m_at < m_text.size() ? m_text[m_at] : '\0'; }

    void takeReference()
    {
        const qsizetype start = m_at++;
        const char32_t code = peek() == '#' ? takeNumber() : takeName();
        if (code == 0) {
            m_result.append(m_text.sliced(start, m_at - start));
            return;
        }
        if (peek() == ';') {
            ++m_at;
        }
        appendCode(code);
        if (peek() != '&') {
            m_highSurrogate = 0;
        }
    }

    /// "#65" or "#x41" at the place; 0: no character.
    char32_t takeNumber()
    {
        ++m_at;
        const bool isHex = peek() == 'x' || peek() == 'X';
        const char32_t base = isHex ? 16 : 10;
        m_at += isHex ? 1 : 0;
        char32_t code = 0;
        while (m_at < m_text.size()) {
            const int digit = digitOf(m_text[m_at]);
            if (digit < 0 || char32_t(digit) >= base) {
                break;
            }
            code = code * base + char32_t(digit);
            if (code > lastCharacter) {
                return 0;
            }
            ++m_at;
        }
        return code == 0xFFFE || code == 0xFFFF ? 0 : code;
    }

    static int digitOf(char c)
    {
        if (c >= '0' && c <= '9') {
            return c - '0';
        }
        const char lower = char(c | 0x20);
        return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
    }

    char32_t takeName()
    {
        m_highSurrogate = 0;
        const qsizetype start = m_at;
        while (m_at < m_text.size() && continuesEntity(m_text[m_at])) {
            ++m_at;
        }
        const std::string_view name(m_text.data() + start, size_t(m_at - start));
        const char32_t code = codeOfName(name);
        if (code != 0 && (code <= lastLatin1 || peek() == ';')) {
            return code;
        }
        if (m_place == EntityPlace::Text) {
            const size_t longest = std::min(longestLatin1Name, name.empty() ? 0 : name.size() - 1);
            for (size_t length = longest; length > 1; --length) {
                const char32_t prefixCode = codeOfName(name.substr(0, length));
                if (prefixCode != 0 && prefixCode <= lastLatin1) {
                    m_at = start + qsizetype(length);
                    return prefixCode;
                }
            }
        }
        return 0;
    }

    /// Two references that are halves of a UTF-16 pair count as one; other halves are replaced.
    void appendCode(char32_t code)
    {
        m_isWide = m_isWide || code > lastLatin1;
        if ((code & 0xFFFFFC00) == 0xDC00) {
            if (m_highSurrogate != 0) {
                m_result.chop(3);  // the replacement of the first half
                code = ((m_highSurrogate - 0xD800) << 10) + (code - 0xDC00) + 0x10000;
                m_highSurrogate = 0;
            } else {
                code = replacementCharacter;
            }
        } else if ((code & 0xFFFFFC00) == 0xD800) {
            m_highSurrogate = code;
            code = replacementCharacter;
        } else {
            m_highSurrogate = 0;
            if ((code >= 0xFDD0 && code <= 0xFDEF) || (code & 0xFFFE) == 0xFFFE) {
                code = replacementCharacter;
            }
        }
        appendCharacter(m_result, code);
    }

    QByteArray &m_result;
    QByteArrayView m_text;
    EntityPlace m_place;
    qsizetype m_at = 0;
    char32_t m_highSurrogate = 0;
    bool m_isWide = false;
};

}  // namespace

bool appendDecodedEntities(QByteArray &result, QByteArrayView text, EntityPlace place)
{
    return EntityDecoder(result, text, place).decode();
}

}  // namespace portcullis::spam
