// SPDX-License-Identifier: GPL-2.0-or-later
// S9: the state machine against a small model of RFC 5321 §4.1.4 that shares no code with it, over
// all pairs and triples of commands and with refusals injected at every question.
#include "EngineBench.h"

#include <QtTest/QTest>

#include <array>

namespace portcullis::smtp {

namespace {

struct Step {
    const char *name;
    QByteArray wire;
};

const std::vector<Step> &steps()
{
    static const std::vector<Step> all{
        {"EHLO", "EHLO client.example\r\n"},
        {"HELO", "HELO client.example\r\n"},
        {"MAIL", "MAIL FROM:<a@one.example>\r\n"},
        {"RCPT", "RCPT TO:<b@two.example>\r\n"},
        {"DATA", "DATA\r\n"},
        {"BDAT", "BDAT 6\r\nA: b\r\n"},
        {"LAST", "BDAT 6 LAST\r\nA: b\r\n"},
        {"LAST0", "BDAT 0 LAST\r\n"},
        {"BARE", "BDAT 6 LAST\r\nA: b\n\n"},
        {"BIG", "BDAT 2000 LAST\r\n" + QByteArray(2000, 'x')},
        {"RSET", "RSET\r\n"},
        {"NOOP", "NOOP\r\n"},
        {"VRFY", "VRFY b@two.example\r\n"},
        {"VRFY8", "VRFY \xc3\xbc@two.example SMTPUTF8\r\n"},
        {"HELP", "HELP\r\n"},
        {"STARTTLS", "STARTTLS now\r\n"},
        {"XFORWARD", "XFORWARD NAME=spoof.example\r\n"},
        {"JUNK", "JUNK\r\n"},
        {"BADMAIL", "MAIL FROM:a@one.example\r\n"},
        {"BADRCPT", "RCPT TO:<>\r\n"},
    };
    return all;
}

/// What the handler is told to refuse once; Nothing: it agrees to all.
enum class Refusal { Nothing, Helo, Mail, Rcpt, Data, Message };
const std::array refusals{Refusal::Nothing, Refusal::Helo, Refusal::Mail,
                          Refusal::Rcpt,    Refusal::Data, Refusal::Message};

const char *questionOf(Refusal refusal)
{
    switch (refusal) {
    case Refusal::Helo:
        return "helo";
    case Refusal::Mail:
        return "mail";
    case Refusal::Rcpt:
        return "rcpt";
    case Refusal::Data:
        return "data";
    case Refusal::Message:
        return "message";
    case Refusal::Nothing:
        break;
    }
    return "none";
}

/// RFC 5321 §4.1.4 in a few flags.
class Model
{
public:
    explicit Model(Refusal refusal)
        : m_refusal(refusal)
    {
    }

    /// The reply codes of one step, the message after DATA's 354 included.
    QByteArray play(const QByteArray &name)
    {
        if (name == "EHLO" || name == "HELO") {
            if (isRefused(Refusal::Helo)) {
                return "550";
            }
            m_hasHelo = true;
            end();
            return "250";
        }
        if (name == "MAIL" || name == "BADMAIL") {
            if (!m_hasHelo || m_hasMail) {
                return "503";
            }
            if (name == "BADMAIL") {
                return "501";
            }
            m_hasMail = !isRefused(Refusal::Mail);
            return m_hasMail ? "250" : "550";
        }
        if (name == "RCPT" || name == "BADRCPT") {
            if (!m_hasMail || m_hasChunk) {
                return "503";
            }
            if (name == "BADRCPT") {
                return "501";
            }
            if (isRefused(Refusal::Rcpt)) {
                return "550";
            }
            m_hasRecipient = true;
            return "250";
        }
        if (name == "DATA") {
            return playData();
        }
        if (name == "BDAT" || name == "LAST" || name == "LAST0" || name == "BARE"
            || name == "BIG") {
            return playChunk(name);
        }
        if (name == "RSET") {
            end();
            return "250";
        }
        if (name == "STARTTLS") {
            return "502";
        }
        if (name == "XFORWARD") {
            return "550";
        }
        return name == "NOOP" ? "250" : name == "HELP" ? "214" : name == "JUNK" ? "500" : "252";
    }

    int messages = 0;

private:
    QByteArray playData()
    {
        if (!m_hasRecipient) {
            return "503";
        }
        if (m_hasChunk) {
            end();
            return "503";
        }
        if (isRefused(Refusal::Data)) {
            end();
            return "550";
        }
        end();
        ++messages;
        return isRefused(Refusal::Message) ? "354 550" : "354 250";
    }

    QByteArray playChunk(const QByteArray &name)
    {
        const bool isWelcome = m_hasRecipient && name != "BIG";
        if (!isWelcome) {
            const QByteArray code = m_hasRecipient ? "552" : "503";
            end();
            return code;
        }
        if (!m_hasChunk && isRefused(Refusal::Data)) {
            end();
            return "550";
        }
        m_hasChunk = true;
        if (name == "BDAT") {
            return "250";
        }
        end();
        if (name == "BARE") {
            return "554";
        }
        ++messages;
        return isRefused(Refusal::Message) ? "550" : "250";
    }

    void end()
    {
        m_hasMail = false;
        m_hasRecipient = false;
        m_hasChunk = false;
    }

    bool isRefused(Refusal here)
    {
        if (m_refusal != here) {
            return false;
        }
        m_refusal = Refusal::Nothing;
        return true;
    }

    Refusal m_refusal;
    bool m_hasHelo = false;
    bool m_hasMail = false;
    bool m_hasRecipient = false;
    bool m_hasChunk = false;
};

enum class Answering { AtOnce, Later };

/// Plays a sequence against engine and model; empty if they agree, else what differed.
QByteArray disagreement(const std::vector<Step> &sequence, Refusal refusal, Answering answering)
{
    SessionSettings settings;
    settings.limits.messageSize = 1000;
    EngineBench bench(settings);
    bench.engine.start(bench.handler);
    (void)bench.engine.takeOutput();
    bench.handler.script[questionOf(refusal)].push_back({550, "5.7.1", "Refused by the test"});
    bench.handler.isAsynchronous = answering == Answering::Later;
    Model model(refusal);
    const auto settle = [&](QByteArray output) {
        while (bench.handler.hasOpenQuestion()) {
            bench.handler.answerNow();
            output.append(bench.engine.takeOutput());
        }
        return output;
    };
    QByteArray played;
    for (const Step &step : sequence) {
        played.append(step.name).append(' ');
        QByteArray output = settle(bench.say(step.wire));
        if (output.startsWith("354")) {
            output.append(settle(bench.say("A: b\r\n\r\nbody\r\n.\r\n")));
        }
        const QByteArray expected = model.play(step.name);
        if (codesOf(output) != expected) {
            return played + "gave " + codesOf(output) + " and not " + expected;
        }
    }
    if (bench.handler.messages.size() != model.messages) {
        return played + "gave another number of messages";
    }
    return {};
}

/// The ways into every stage, from which the pairs and triples start.
const std::vector<std::vector<Step>> &prefixes()
{
    const auto named = [](std::initializer_list<const char *> names) {
        std::vector<Step> sequence;
        for (const char *name : names) {
            sequence.push_back(*std::find_if(steps().begin(), steps().end(), [&](const Step &step) {
                return QByteArrayView(step.name) == name;
            }));
        }
        return sequence;
    };
    static const std::vector<std::vector<Step>> all{
        {},
        named({"EHLO"}),
        named({"EHLO", "MAIL"}),
        named({"EHLO", "MAIL", "RCPT"}),
        named({"EHLO", "MAIL", "RCPT", "BDAT"}),
        named({"EHLO", "MAIL", "RCPT", "DATA"}),
    };
    return all;
}

}  // namespace

class TestModel : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void agreesOnEveryPair_data();
    void agreesOnEveryPair();
    void agreesOnEveryTriple();
};

void TestModel::agreesOnEveryPair_data()
{
    QTest::addColumn<int>("refusal");
    QTest::addColumn<bool>("isLate");
    for (const Refusal refusal : refusals) {
        for (const bool isLate : {false, true}) {
            QTest::addRow("S9 refused: %s, answers %s", questionOf(refusal),
                          isLate ? "later" : "at once")
                << int(refusal) << isLate;
        }
    }
}

void TestModel::agreesOnEveryPair()
{
    QFETCH(int, refusal);
    QFETCH(bool, isLate);
    for (const auto &prefix : prefixes()) {
        for (const Step &first : steps()) {
            for (const Step &second : steps()) {
                auto sequence = prefix;
                sequence.insert(sequence.end(), {first, second, steps()[4]});
                const QByteArray problem = disagreement(
                    sequence, Refusal(refusal), isLate ? Answering::Later : Answering::AtOnce);
                QVERIFY2(problem.isEmpty(), problem.constData());
            }
        }
    }
}

void TestModel::agreesOnEveryTriple()
{
    const auto &prefix = prefixes()[3];
    for (const Step &first : steps()) {
        for (const Step &second : steps()) {
            for (const Step &third : steps()) {
                auto sequence = prefix;
                sequence.insert(sequence.end(), {first, second, third});
                const QByteArray problem = disagreement(sequence, Refusal::Nothing,
                                                        Answering::AtOnce);
                QVERIFY2(problem.isEmpty(), problem.constData());
            }
        }
    }
}

}  // namespace portcullis::smtp

QTEST_APPLESS_MAIN(portcullis::smtp::TestModel)
#include "tst_model.moc"
