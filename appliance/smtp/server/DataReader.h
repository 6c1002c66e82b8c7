// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/mail/Content.h"
#include "appliance/smtp/server/SessionSettings.h"

#include <QtCore/QByteArrayView>

#include <optional>

namespace portcullis::smtp {

/// Turns the octets after DATA or BDAT into a message: finds the end of data, removes the dots that
/// the client stuffed (RFC 5321 §4.5.2), holds line endings and limits to what is allowed.
///
/// Copies whole runs of lines, never single ones. After the first problem nothing more is kept, but
/// reading goes on, so that the end of data is found and the session stays in step.
class DataReader
{
public:
    enum class Problem {
        None,
        BareNewline,     ///< CR or LF outside CRLF (RFC 5321 §2.3.8).
        HiddenDot,       ///< A dot alone but for NULs: an end of data for whoever drops NUL.
        TooLarge,        ///< RFC 1870 §6.1
        HeaderTooLarge,  ///< headerSize or headerFields.
        Storage          ///< The builder could not take it, e.g. disk full.
    };

    enum class Framing {
        Dotted,  ///< DATA: ends with CRLF.CRLF.
        Chunked  ///< BDAT: the caller counts octets.
    };

    DataReader(const SessionLimits &limits, BareNewline bareNewline);

    /// Starts a message. `builder` may hold our trace header already; limits count what comes.
    void begin(Framing framing, mail::ContentBuilder builder);

    /// Takes octets from the front of `input`; true once CRLF.CRLF was found, and then not an octet
    /// more. With Chunked all is taken and the answer is false.
    bool read(QByteArrayView &input);

    /// The end of data was found, or the last chunk is complete. A message of chunks that does not
    /// end with CRLF gets one, as the same message needs it to be sent with DATA.
    void finish();

    [[nodiscard]] Problem problem() const { return m_problem; }
    /// Octets read from the client since begin(), kept or not.
    [[nodiscard]] qint64 octets() const { return m_octets; }
    /// Octets read since the problem, for the drain limit.
    [[nodiscard]] qint64 drained() const { return m_drained; }

    /// The message, after finish() without a problem.
    Result<mail::Content> take();
    /// Forgets the message and gives its storage back.
    void reset();

private:
    enum class Place {
        LineStart,
        SoftStart,  ///< After a replaced bare newline: a line for us, not for the client's stuffing.
        LoneDot,    ///< A dot at the start of a line, withheld until we know what it means.
        Nuls,       ///< Only NULs and at most one dot so far; the line began with NUL.
        Middle
    };

    const char *readSpecial(const char *at);
    const char *readRun(const char *at, const char *end);
    void endLine();
    void bareNewline();
    void countHeader(const char *from, const char *to);
    void keep(const char *from, const char *to);
    void keepCrLf();
    void fail(Problem problem);

    const SessionLimits *m_limits;
    BareNewline m_bareNewline;
    Framing m_framing = Framing::Dotted;
    std::optional<mail::ContentBuilder> m_builder;

    Problem m_problem = Problem::None;
    Place m_place = Place::LineStart;
    bool m_endsWithCr = false;  ///< A CR was read and is withheld.
    bool m_isInHeader = true;
    int m_dots = 0;              ///< In Place::Nuls.
    qsizetype m_lineLength = 0;  ///< Of the current header line, without CRLF.
    bool m_isLineOpen = false;   ///< Something was kept since the last CRLF.
    qint64 m_octets = 0;
    qint64 m_kept = 0;
    qint64 m_drained = 0;
    qint64 m_headerOctets = 0;
    int m_headerFields = 0;
};

}  // namespace portcullis::smtp
