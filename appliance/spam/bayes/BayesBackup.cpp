// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/bayes/BayesBackup.h"

#include <QtCore/QIODevice>

#include <algorithm>

namespace portcullis::spam {

namespace {

Error backupError(const QString &reason)
{
    return Error::permanent("bayes.backup", reason);
}

/// Up to `count` fields set apart by white space; the last has the rest of the line.
QByteArrayList fieldsOf(const QByteArray &line, qsizetype count)
{
    const auto isBlank = [](char c) { return c == ' ' || c == '\t'; };
    QByteArrayList fields;
    qsizetype at = 0;
    while (at < line.size() && fields.size() < count) {
        qsizetype end = at;
        while (end < line.size() && (fields.size() + 1 == count || !isBlank(line[end]))) {
            ++end;
        }
        fields.append(line.mid(at, end - at));
        while (end < line.size() && isBlank(line[end])) {
            ++end;
        }
        at = end;
    }
    return fields;
}

/// Counts beyond any number of messages are nonsense that must not overflow.
constexpr qint64 mostCount = 2'000'000'000;

qint64 boundedCount(const QByteArray &text)
{
    return std::clamp<qint64>(text.toLongLong(), 0, mostCount);
}

/// Reads line by line into a store.
class BackupReader
{
public:
    BackupReader(QIODevice &from,
                 BayesStore &store,
                 qint64 now,
                 const BackupProgress &progress,
                 const BackupLimits &limits)
        : m_from(from)
        , m_store(store)
        , m_now(now)
        , m_progress(progress)
        , m_limits(limits)
    {
    }

    Status read()
    {
        TRY(readVersion());
        TRY(m_store.clear());
        while (true) {
            const QByteArray line = nextLine();
            if (line.isNull()) {
                break;
            }
            readLine(line);
            if (m_done.tokens > m_limits.tokens) {
                return backupError(QStringLiteral("more tokens than can be kept"));
            }
            if (qsizetype(m_tokens.size() + m_seen.size()) >= m_limits.chunk) {
                TRY(flush());
            }
        }
        if (!m_hasSpam || !m_hasHam) {
            return backupError(QStringLiteral("the numbers of messages are missing"));
        }
        m_change.messages = m_done.messages;
        return flush();
    }
    [[nodiscard]] const RestoredBackup &done() const { return m_done; }

private:
    /// Null: the end.
    QByteArray nextLine()
    {
        QByteArray line = m_from.readLine(m_limits.lineBytes);
        if (line.isEmpty()) {
            return {};
        }
        bool isWhole = line.endsWith('\n');
        while (!isWhole && !m_from.atEnd()) {
            const QByteArray rest = m_from.readLine(m_limits.lineBytes);
            isWhole = rest.isEmpty() || rest.endsWith('\n');
            line = "x";  // Too long: some line that says nothing.
        }
        while (line.endsWith('\n') || line.endsWith('\r')) {
            line.chop(1);
        }
        if (m_progress && ++m_lines % 10'000 == 0) {
            m_progress(m_lines);
        }
        return line.isNull() ? QByteArray("") : line;
    }
    Status readVersion()
    {
        const QByteArrayList fields = fieldsOf(nextLine(), 4);
        if (fields.size() < 3 || fields[0] != "v" || !fields[2].startsWith("db_version")) {
            return backupError(QStringLiteral("the first line does not say 'db_version'"));
        }
        m_version = fields[1].toInt();
        if (m_version != 2 && m_version != 3) {
            return backupError(QStringLiteral("version %1 is not known").arg(m_version));
        }
        return ok();
    }
    void readLine(const QByteArray &line)
    {
        const bool isKnown = line.size() > 1 && (line[1] == '\t' || line[1] == ' ')
                             && (line[0] == 't'   ? readToken(fieldsOf(line, 5))
                                 : line[0] == 's' ? readSeen(fieldsOf(line, 3))
                                 : line[0] == 'v' ? readNumber(fieldsOf(line, 3))
                                                  : false);
        m_done.skipped += isKnown ? 0 : 1;
    }
    bool readNumber(const QByteArrayList &fields)
    {
        if (fields.size() < 3) {
            return false;
        }
        if (fields[2] == "num_spam") {
            m_done.messages.spam = boundedCount(fields[1]);
            m_hasSpam = true;
            return true;
        }
        if (fields[2] == "num_nonspam") {
            m_done.messages.ham = boundedCount(fields[1]);
            m_hasHam = true;
            return true;
        }
        return false;
    }
    bool readToken(const QByteArrayList &fields)
    {
        if (fields.size() < 5) {
            return false;
        }
        // Version 2 has the texts themselves.
        const auto token = m_version == 2 ? std::optional(m_hash(fields[4]))
                                          : tokenOfText(fields[4]);
        const BayesChange::Counts counts{token.value_or(0), boundedCount(fields[1]),
                                         boundedCount(fields[2]),
                                         std::clamp<qint64>(fields[3].toLongLong(), 0, m_now)};
        if (!token || (counts.spam == 0 && counts.ham == 0)) {
            return false;
        }
        m_tokens[*token] = counts;
        ++m_done.tokens;
        return true;
    }
    bool readSeen(const QByteArrayList &fields)
    {
        if (fields.size() < 3 || (fields[1] != "h" && fields[1] != "s")) {
            return false;
        }
        m_seen[fields[2].left(LearnRequestLimits().idBytes)] = fields[1] == "s" ? LearnAs::Spam
                                                                                : LearnAs::Ham;
        ++m_done.seen;
        return true;
    }
    Status flush()
    {
        for (const auto &[token, counts] : m_tokens) {
            m_change.tokens.push_back(counts);
        }
        for (const auto &[id, as] : m_seen) {
            m_change.seen.push_back({id, as});
        }
        m_tokens.clear();
        m_seen.clear();
        TRY(m_store.apply(m_change));
        m_change = {};
        return ok();
    }

    QIODevice &m_from;
    BayesStore &m_store;
    qint64 m_now;
    const BackupProgress &m_progress;
    const BackupLimits &m_limits;
    TokenHash m_hash;
    int m_version = 3;
    bool m_hasSpam = false;
    bool m_hasHam = false;
    qint64 m_lines = 0;
    std::map<Token, BayesChange::Counts> m_tokens;  ///< Not stored yet; a repeated one replaces.
    std::map<QByteArray, LearnAs> m_seen;
    BayesChange m_change;
    RestoredBackup m_done;
};

}  // namespace

Result<RestoredBackup> restoreBackup(QIODevice &from,
                                     BayesStore &store,
                                     qint64 now,
                                     const BackupProgress &progress,
                                     const BackupLimits &limits)
{
    BackupReader reader(from, store, now, progress, limits);
    TRY(store.inOneGo([&reader] { return reader.read(); }));
    return reader.done();
}

Result<qint64> writeBackup(QIODevice &to, BayesStore &store, const BackupProgress &progress)
{
    qint64 lines = 0;
    const auto write = [&](const QByteArray &line) -> Status {
        if (to.write(line) != line.size()) {
            return Error::transient("bayes.backup-write", to.errorString());
        }
        if (++lines % 10'000 == 0 && progress) {
            progress(lines);
        }
        return ok();
    };
    const LearntMessages messages = TRY(store.messages());
    TRY(write("v\t3\tdb_version\n"));
    TRY(write("v\t" + QByteArray::number(messages.spam) + "\tnum_spam\n"));
    TRY(write("v\t" + QByteArray::number(messages.ham) + "\tnum_nonspam\n"));
    TRY(store.eachToken([&](Token token, const TokenCounts &counts) {
        return write("t\t" + QByteArray::number(counts.spam) + '\t' + QByteArray::number(counts.ham)
                     + '\t' + QByteArray::number(counts.seconds) + '\t' + tokenText(token) + '\n');
    }));
    TRY(store.eachSeen([&](const QByteArray &id, LearnAs as) {
        return write(QByteArray("s\t") + (as == LearnAs::Spam ? 's' : 'h') + '\t' + id + '\n');
    }));
    return lines;
}

}  // namespace portcullis::spam
