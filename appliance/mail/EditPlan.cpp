// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/mail/EditPlan.h"

#include "appliance/mail/MessageBuilder.h"
#include "appliance/mail/TextInsertion.h"

#include <algorithm>
#include <tuple>

namespace portcullis::mail {

bool hasTags(const QString &text)
{
    const qsizetype open = text.indexOf(u'<');
    return open >= 0 && open + 1 < text.size() && text.indexOf(u'>', open) > 0
           && (text[open + 1].isLetter() || text[open + 1] == u'/' || text[open + 1] == u'!');
}

QByteArray writeNote(const Replacement &note, int id)
{
    const bool isHtml = hasTags(note.text);
    const QString fileName = note.fileName.isEmpty()
                                 ? QStringLiteral("REMOVED_ATTACHMENT_%1.%2")
                                       .arg(id)
                                       .arg(isHtml ? QStringLiteral("html") : QStringLiteral("txt"))
                                 : note.fileName;
    const WrittenPart part = textPart(note.text, isHtml ? "text/html" : "text/plain", fileName);
    return part.header + "\r\n" + part.body;
}

namespace {

bool isContentField(const HeaderField &field)
{
    return field.name().size() > 8
           && field.name().first(8).compare("content-", Qt::CaseInsensitive) == 0;
}

}  // namespace

void MessageEditor::Data::headerSplices(std::vector<Splice> &out) const
{
    const Part &root = message.root();
    const qsizetype top = root.fields.empty() ? root.header.begin
                                              : root.fields.front().span().begin;
    QByteArray above;
    for (auto field = prepended.rbegin(); field != prepended.rend(); ++field) {
        above += field->bytes;
    }
    std::set<QByteArray> placed;
    for (const HeaderField &field : root.fields) {
        const QByteArray key = field.name().toByteArray().toLower();
        const bool isNameRemoved = removedFields.contains(key);
        if (!isNameRemoved && !removedPlaces.contains(field.span().begin)) {
            continue;
        }
        QByteArray bytes;
        if (isNameRemoved && placed.insert(key).second) {
            for (const AddedField &addition : added) {
                bytes += addition.name == key ? addition.bytes : QByteArray();
            }
        }
        out.push_back({field.span().begin, field.span().end, bytes});
    }
    QByteArray below;
    for (const AddedField &addition : added) {
        below += placed.contains(addition.name) ? QByteArray() : addition.bytes;
    }
    // Without an empty line the body would become header.
    if (root.body.begin == root.header.end && !root.body.isEmpty() && !rootNotes.contains(root.id)
        && !willWrapRoot() && !(above.isEmpty() && below.isEmpty())) {
        below += "\r\n";
    }
    if (!above.isEmpty()) {
        out.push_back({top, top, above});
    }
    if (!below.isEmpty()) {
        out.push_back({root.header.end, root.header.end, below});
    }
}

// Edits of texts: spliced in where the text is unencoded and stays so, otherwise the part's body is
// encoded again as it was.
void MessageEditor::Data::textSplices(std::vector<Splice> &out) const
{
    for (const auto &[id, unsorted] : textEdits) {
        const Part &text = part(id);
        std::vector<Splice> edits = unsorted;
        std::stable_sort(edits.begin(), edits.end(),
                         [](const Splice &a, const Splice &b) { return a.begin < b.begin; });
        QByteArray additions;
        for (const Splice &edit : edits) {
            additions += edit.bytes;
        }
        const bool isIdentity = transferEncoding(text.transferEncoding)
                                == TransferEncoding::Identity;
        // A part may end with its header; what is added must not become header.
        const bool hasEmptyLine = text.body.begin > text.header.end;
        if (!hasEmptyLine) {
            out.push_back({text.header.end, text.header.end, "\r\n"});
        }
        if (isIdentity && encodeAsBefore(text, additions).transferEncoding.isEmpty()) {
            for (const Splice &edit : edits) {
                out.push_back(
                    {text.body.begin + edit.begin, text.body.begin + edit.end, edit.bytes});
            }
            continue;
        }
        const QByteArrayView decoded = message.decoded(text);
        QByteArray changed;
        qsizetype at = 0;
        for (const Splice &edit : edits) {
            // Without budget for decoding, decoded() is shorter or longer than what was edited.
            const qsizetype begin = std::clamp(edit.begin, at, decoded.size());
            changed += decoded.sliced(at, begin - at);
            changed += edit.bytes;
            at = std::clamp(edit.end, begin, decoded.size());
        }
        changed += decoded.sliced(at);
        EncodedText encoded = encodeAsBefore(text, changed);
        out.push_back({text.body.begin, text.body.end, std::move(encoded.body)});
        if (encoded.transferEncoding.isEmpty()) {
            continue;
        }
        const QByteArray field = writeStructuredField("Content-Transfer-Encoding",
                                                      encoded.transferEncoding);
        if (const HeaderField *old = text.field("Content-Transfer-Encoding"); old != nullptr) {
            out.push_back({old->span().begin, old->span().end, field});
        } else {
            out.insert(out.begin(), {text.header.end, text.header.end, field});
        }
    }
}

// The whole message, or an embedded one, becomes multipart/mixed holding the notes; its header stays
// but for the fields that describe the content.
void MessageEditor::Data::replaceRoot(const Part &root,
                                      const std::vector<Replacement> &notes,
                                      std::vector<Splice> &out) const
{
    const QByteArray boundary = makeBoundary();
    for (const HeaderField &field : root.fields) {
        if (isContentField(field)) {
            out.push_back({field.span().begin, field.span().end, {}});
        }
    }
    QByteArray bytes;
    if (root.id != message.root().id && isLineOpen(root, out)) {
        bytes += "\r\n";
    }
    bytes += root.field("MIME-Version") == nullptr ? "MIME-Version: 1.0\r\n" : "";
    bytes += "Content-Type: multipart/mixed; boundary=\"" + boundary + "\"\r\n";
    for (const Replacement &note : notes) {
        bytes += "\r\n--" + boundary + "\r\n" + writeNote(note, root.id);
    }
    bytes += "\r\n--" + boundary + "--\r\n";
    out.push_back({root.header.end, root.body.end, bytes});
}

bool MessageEditor::Data::willWrapRoot() const
{
    const Part &root = message.root();
    const std::vector<int> ids = message.children(root.id);
    const bool hasParts = std::any_of(ids.begin(), ids.end(),
                                      [this](int id) { return part(id).view == 0; });
    return !appendedNotes.empty() && !rootNotes.contains(root.id)
           && (root.kind != PartKind::Multipart || root.declaredType != "multipart/mixed"
               || !hasParts);
}

void MessageEditor::Data::appendNotes(std::vector<Splice> &out) const
{
    if (willWrapRoot()) {
        wrapRoot(out);
        return;
    }
    const Part &root = message.root();
    qsizetype end = root.body.begin;
    for (const int id : message.children(root.id)) {
        end = part(id).view == 0 ? part(id).body.end : end;
    }
    QByteArray bytes;
    int number = static_cast<int>(message.parts().size());
    for (const Replacement &note : appendedNotes) {
        bytes += "\r\n--" + root.boundary + "\r\n" + writeNote(note, ++number);
    }
    out.push_back({end, end, bytes});
}

// The message's content becomes the first part of a new multipart/mixed, the notes the others.
void MessageEditor::Data::wrapRoot(std::vector<Splice> &out) const
{
    const Part &root = message.root();
    const QByteArrayView bytes = message.content().view();
    const QByteArray boundary = makeBoundary();
    QByteArray contentFields;
    for (const HeaderField &field : root.fields) {
        if (isContentField(field)) {
            contentFields += field.span().of(bytes);
            contentFields += contentFields.endsWith('\n') ? "" : "\r\n";
            out.push_back({field.span().begin, field.span().end, {}});
        }
    }
    QByteArray before;
    before += root.field("MIME-Version") == nullptr ? "MIME-Version: 1.0\r\n" : "";
    before += "Content-Type: multipart/mixed; boundary=\"" + boundary + "\"\r\n";
    before += "\r\n--" + boundary + "\r\n" + contentFields + "\r\n";
    QByteArray after;
    int number = static_cast<int>(message.parts().size());
    for (const Replacement &note : appendedNotes) {
        after += "\r\n--" + boundary + "\r\n" + writeNote(note, ++number);
    }
    after += "\r\n--" + boundary + "--\r\n";
    out.push_back({root.header.end, root.body.begin, before});
    out.push_back({root.body.end, root.body.end, after});
}

// The header ends without a line end, in a line that stays: what follows needs one.
bool MessageEditor::Data::isLineOpen(const Part &root, const std::vector<Splice> &edits) const
{
    const QByteArrayView header = root.header.of(message.content().view());
    return !header.isEmpty() && !header.endsWith('\n')
           && std::none_of(edits.begin(), edits.end(), [&root](const Splice &edit) {
                  return edit.begin < root.header.end && edit.end >= root.header.end;
              });
}

// Lines among the fields that are no fields go once the header is edited: when a field next to them
// goes, they could end the header for a reader, and what we set would be body.
void MessageEditor::Data::dropStrayLines(const Part &root, std::vector<Splice> &out) const
{
    const QByteArrayView bytes = message.content().view();
    const bool isTouched = std::any_of(out.begin(), out.end(), [&root](const Splice &splice) {
        return splice.begin >= root.header.begin && splice.begin <= root.header.end;
    });
    qsizetype at = root.header.begin;
    const auto drop = [&](qsizetype end) {
        const QByteArrayView stray = bytes.sliced(at, end - at);
        // The separator of mbox files stands above all fields.
        if (!stray.isEmpty() && !(stray.startsWith("From ") || stray.startsWith(">From "))) {
            out.push_back({at, end, {}});
        }
    };
    if (!isTouched || root.fields.empty()) {
        return;
    }
    for (const HeaderField &field : root.fields) {
        drop(field.span().begin);
        at = field.span().end;
    }
    drop(root.header.end);
}

// All edits as splices in the order of their places.
std::vector<MessageEditor::Splice> MessageEditor::Data::allSplices() const
{
    std::vector<Splice> all = splices;
    headerSplices(all);
    textSplices(all);
    for (const auto &[id, notes] : rootNotes) {
        std::vector<Replacement> rootAndEnd = notes;
        if (id == 1) {
            rootAndEnd.insert(rootAndEnd.end(), appendedNotes.begin(), appendedNotes.end());
        }
        replaceRoot(part(id), rootAndEnd, all);
        dropStrayLines(part(id), all);
    }
    if (!appendedNotes.empty() && !rootNotes.contains(1)) {
        appendNotes(all);
    }
    dropStrayLines(message.root(), all);
    const qsizetype headerEnd = message.root().header.end;
    if (isLineOpen(message.root(), all)
        && std::any_of(all.begin(), all.end(),
                       [headerEnd](const Splice &splice) { return splice.begin == headerEnd; })) {
        all.insert(all.begin(), {headerEnd, headerEnd, "\r\n"});
    }
    // Of two that begin at one place the insertion comes first, then the larger.
    std::stable_sort(all.begin(), all.end(), [](const Splice &a, const Splice &b) {
        const bool isInsertionA = a.begin == a.end;
        const bool isInsertionB = b.begin == b.end;
        return std::tuple(a.begin, !isInsertionA, -a.end)
               < std::tuple(b.begin, !isInsertionB, -b.end);
    });
    return all;
}

}  // namespace portcullis::mail
