// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/mail/Charset.h"

#include "appliance/mail/Message.h"

#include <QtCore/QStringConverter>

#include <gmime/gmime.h>
#include <iconv.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace portcullis::mail {

namespace {

class Converter
{
public:
    Converter(const char *to, const char *from)
        : m_handle(::iconv_open(to, from))
    {
    }
    ~Converter()
    {
        if (isValid()) {
            ::iconv_close(m_handle);
        }
    }
    Q_DISABLE_COPY_MOVE(Converter)

    [[nodiscard]] bool isValid() const { return m_handle != iconv_t(-1); }

    // Appends what `in` means to `out`; false at an octet that does not fit (`in` starts there).
    bool convert(QByteArrayView &in, QByteArray &out)
    {
        // NOLINTNEXTLINE(cppcoreguidelines-pro-type-member-init) iconv fills what is read
        std::array<char, 4096> buffer;
        while (true) {
            // iconv's interface is not const-correct; it does not write to its input.
            char *from = const_cast<char *>(in.data());
            size_t left = static_cast<size_t>(in.size());
            char *to = buffer.data();
            size_t room = buffer.size();
            const bool isFlush = in.isEmpty();
            const size_t result = ::iconv(m_handle, isFlush ? nullptr : &from, &left, &to, &room);
            const int error = errno;
            out.append(buffer.data(), to - buffer.data());
            in = in.last(static_cast<qsizetype>(left));
            if (result == size_t(-1) && error != E2BIG) {
                return false;
            }
            if (result != size_t(-1) && isFlush) {
                return true;
            }
        }
    }

private:
    iconv_t m_handle;
};

// glibc reads `//` and `,` in a charset's name as instructions; senders have no business there.
bool isPlainCharsetName(const QByteArray &name)
{
    return !name.isEmpty() && name.size() <= 40
           && std::all_of(name.begin(), name.end(), [](char c) {
                  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')
                         || QByteArrayView("-_.:()+").contains(c);
              });
}

QByteArray iconvName(const QByteArray &charset)
{
    if (!isPlainCharsetName(charset)) {
        return {};
    }
    initialise();
    return g_mime_charset_iconv_name(charset.constData());
}

bool isUtf8Name(const QByteArray &charset)
{
    return charset.compare("utf-8", Qt::CaseInsensitive) == 0
           || charset.compare("utf8", Qt::CaseInsensitive) == 0;
}

std::optional<QString> decodeUtf8(QByteArrayView bytes)
{
    QStringDecoder decoder(QStringDecoder::Utf8, QStringDecoder::Flag::Stateless);
    QString text = decoder.decode(bytes);
    return decoder.hasError() ? std::nullopt : std::optional(std::move(text));
}

// Windows-1252 as the WHATWG defines it: a superset of ISO-8859-1 in which every octet has a meaning.
QString decodeWindows1252(QByteArrayView bytes)
{
    static constexpr std::array<char16_t, 32> c_upper = {
        0x20AC, 0x81,   0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160,
        0x2039, 0x0152, 0x8D,   0x017D, 0x8F,   0x90,   0x2018, 0x2019, 0x201C, 0x201D, 0x2022,
        0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0x9D,   0x017E, 0x0178};
    QString text = QString::fromLatin1(bytes);
    for (QChar &c : text) {
        if (c.unicode() >= 0x80 && c.unicode() < 0xA0) {
            c = QChar(c_upper[c.unicode() - 0x80U]);
        }
    }
    return text;
}

QString decodeUnlabelled(QByteArrayView bytes)
{
    if (!hasEightBit(bytes)) {
        return QString::fromLatin1(bytes);
    }
    const auto utf8 = decodeUtf8(bytes);
    return utf8 ? *utf8 : decodeWindows1252(bytes);
}

QString decodeByIconv(QByteArrayView bytes, Converter &converter)
{
    QByteArray utf8;
    while (!converter.convert(bytes, utf8)) {
        utf8.append("\xEF\xBF\xBD");
        if (bytes.isEmpty()) {
            break;
        }
        bytes = bytes.sliced(1);
        if (bytes.isEmpty()) {
            break;
        }
    }
    return QString::fromUtf8(utf8);
}

}  // namespace

bool hasEightBit(QByteArrayView text)
{
    return std::any_of(text.begin(), text.end(),
                       [](char c) { return static_cast<unsigned char>(c) >= 0x80; });
}

QString decodeCharset(QByteArrayView bytes, const QByteArray &charset)
{
    if (charset.isEmpty() || charset.compare("us-ascii", Qt::CaseInsensitive) == 0) {
        return decodeUnlabelled(bytes);
    }
    if (isUtf8Name(charset)) {
        return QString::fromUtf8(bytes);
    }
    if (charset.compare("iso-8859-1", Qt::CaseInsensitive) == 0
        || charset.compare("windows-1252", Qt::CaseInsensitive) == 0) {
        return decodeWindows1252(bytes);
    }
    const QByteArray name = iconvName(charset);
    if (!name.isEmpty()) {
        Converter converter("UTF-8", name.constData());
        if (converter.isValid()) {
            return decodeByIconv(bytes, converter);
        }
    }
    return decodeUnlabelled(bytes);
}

std::optional<QByteArray> encodeCharset(const QString &text, const QByteArray &charset)
{
    const QByteArray utf8 = text.toUtf8();
    const bool isAscii = !hasEightBit(utf8);
    if (isUtf8Name(charset)) {
        return utf8;
    }
    if (charset.isEmpty() || charset.compare("us-ascii", Qt::CaseInsensitive) == 0) {
        return isAscii ? std::optional(utf8) : std::nullopt;
    }
    const QByteArray name = iconvName(charset);
    if (name.isEmpty()) {
        return std::nullopt;
    }
    Converter converter(name.constData(), "UTF-8");
    QByteArray out;
    QByteArrayView in(utf8);
    if (!converter.isValid() || !converter.convert(in, out)) {
        return std::nullopt;
    }
    return out;
}

}  // namespace portcullis::mail
