// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "shared/base/Result.h"

#include <QtCore/QByteArray>
#include <QtCore/QByteArrayList>
#include <QtCore/QString>

#include <vector>

namespace portcullis::test {

/// A conversation with an SMTP server in the notation of the RFCs, one behaviour a file:
///
///     # a comment
///     @ size 1000              a setting of the server, for those who start one
///     C: EHLO client.example   a line, sent with CRLF
///     C| a\nb\r\n              octets as they are; \r \n \t \\ \xHH, nothing is added
///     S: 250                   the next reply; its last line begins so, ? is any character
///     S+ PIPELINING            a line of the reply before begins so, behind the code
///     S! DSN                   no line of the reply before does
///     S: closed                the server ends the connection, saying nothing more
///     M| Subject: x\r\n        octets of the next message that the server stored
class Dialogue
{
public:
    /// Errors: `dialogue.syntax` (permanent) with file and line.
    static Result<Dialogue> read(const QString &path);

    /// Arguments of the `@` lines: {"size", "1000"}.
    [[nodiscard]] const std::vector<QByteArrayList> &settings() const { return m_settings; }
    /// What the `M|` lines expect, in order.
    [[nodiscard]] const QByteArrayList &messages() const { return m_messages; }

    /// Plays it against 127.0.0.1:`port`, waiting at most 10 s for a reply. Empty if all went as
    /// written, else line, expectation and reply.
    [[nodiscard]] QByteArray play(quint16 port) const;

private:
    struct Step {
        enum class Kind { Send, Reply, HasLine, HasNoLine, Closed };
        Kind kind;
        QByteArray text;
        int line = 0;
    };

    std::vector<Step> m_steps;
    std::vector<QByteArrayList> m_settings;
    QByteArrayList m_messages;
};

}  // namespace portcullis::test
